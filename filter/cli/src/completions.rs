//! `heartbeatctl completions`: what completes the command line in a shell.

use std::io::{self, Write};

use clap::Command;
use clap_complete::Shell;

use crate::outcome::Outcome;

/// Which shell's.
#[derive(Debug, clap::Args)]
#[command(after_help = "\
bash:  heartbeatctl completions bash > ~/.local/share/bash-completion/completions/heartbeatctl
zsh:   heartbeatctl completions zsh > \"${fpath[1]}/_heartbeatctl\"
fish:  heartbeatctl completions fish > ~/.config/fish/completions/heartbeatctl.fish")]
pub struct Arguments {
    /// The shell
    #[arg(value_enum)]
    shell: Shell,
}

/// Prints what completes `command`.
pub fn print(
    arguments: &Arguments,
    mut command: Command,
    out: &mut dyn Write,
) -> io::Result<Outcome> {
    // In memory first: the generator panics where it can't write.
    let mut script = Vec::new();
    clap_complete::generate(arguments.shell, &mut command, "heartbeatctl", &mut script);
    out.write_all(&script)?;
    Ok(Outcome::Fine)
}

#[cfg(test)]
mod tests {
    use super::*;
    use clap::CommandFactory;

    #[test]
    fn each_shell_completes_every_subcommand() {
        for shell in [Shell::Bash, Shell::Zsh, Shell::Fish] {
            let mut out = Vec::new();
            let command = crate::arguments::Arguments::command();
            print(&Arguments { shell }, command.clone(), &mut out).unwrap();
            let script = String::from_utf8(out).unwrap();
            for command in command.get_subcommands() {
                assert!(script.contains(command.get_name()), "{shell}: {}", command.get_name());
            }
        }
    }
}
