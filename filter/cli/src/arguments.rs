//! The command line.

use clap::{Parser, Subcommand};

use crate::{check, completions, explain, metrics, schema};

/// Checks and explains configurations of Heartbeat Filter and of its hub, without a proxy.
#[derive(Debug, Parser)]
#[command(name = "heartbeatctl", version)]
pub struct Arguments {
    /// What is wanted.
    #[command(subcommand)]
    pub command: Command,
}

/// What there is to be wanted.
#[derive(Debug, Subcommand)]
pub enum Command {
    /// Find every mistake in configurations, and say where it stands
    Check(check::Arguments),
    /// Say what becomes of a request, and why
    Explain(Box<explain::Arguments>),
    /// List the series that configurations define, and what makes labels of them
    Metrics(metrics::Arguments),
    /// Print a JSON schema, for editors and other checkers
    Schema(schema::Arguments),
    /// Print what completes the command line in a shell
    Completions(completions::Arguments),
}

#[cfg(test)]
mod tests {
    use super::*;
    use clap::CommandFactory;

    #[test]
    fn the_command_line_holds_together() {
        Arguments::command().debug_assert();
    }
}
