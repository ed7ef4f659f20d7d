//! Programs that others wrote take what heartbeatctl prints for them.

use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::{Command, ExitCode, Stdio};

use anyhow::{Context, Result, anyhow, ensure};
use boon::{Compiler, Schemas};
use clap::Parser;
use libtest_mimic::{Arguments, Failed, Trial};
use testbed::tools;

fn main() -> ExitCode {
    let arguments = Arguments::from_args();
    let schema = tools::workspace().join(".tools/sarif-2.1.0.json");
    let sarif = trial("sarif_is_as_its_schema_says", schema.exists(), {
        let schema = schema.clone();
        move || sarif(&schema)
    });
    if !schema.exists() {
        eprintln!(
            "skipped: no schema of SARIF (scripts/sarif.sh, by npm): sarif_is_as_its_schema_says"
        );
    }
    let shells = ["bash", "zsh", "fish"].map(|shell| {
        let there = is_here(shell);
        if !there {
            eprintln!("skipped: no {shell}: completions::{shell}");
        }
        trial(&format!("completions::{shell}"), there, move || completions(shell))
    });
    libtest_mimic::run(&arguments, shells.into_iter().chain([sarif]).collect()).exit_code()
}

fn trial(name: &str, is_here: bool, check: impl FnOnce() -> Result<()> + Send + 'static) -> Trial {
    let check = move || check().map_err(|error| Failed::from(format!("{error:#}")));
    Trial::test(name, check).with_ignored_flag(!is_here)
}

fn is_here(program: &str) -> bool {
    Command::new(program).arg("--version").output().is_ok()
}

/// What heartbeatctl prints.
fn printed(words: &[&str]) -> Result<String> {
    let words = ["heartbeatctl"].iter().chain(words);
    let arguments = heartbeat_cli::arguments::Arguments::try_parse_from(words)?;
    let mut out = Vec::new();
    heartbeat_cli::run(&arguments, &mut out)?;
    Ok(String::from_utf8(out)?)
}

/// Of every finding that there is.
fn sarif(schema: &Path) -> Result<()> {
    let mut compiler = Compiler::new();
    let mut schemas = Schemas::new();
    let path = schema.to_str().context("the path isn't UTF-8")?;
    let index = compiler.compile(path, &mut schemas).map_err(|error| anyhow!("{error:#}"))?;
    let files = with_findings()?;
    let mut words = vec!["check", "--format", "sarif", "/nowhere.yaml"];
    words.extend(files.iter().filter_map(|path| path.to_str()));
    let document: serde_json::Value = serde_json::from_str(&printed(&words)?)?;
    let results = document.pointer("/runs/0/results").and_then(|it| it.as_array());
    ensure!(results.is_some_and(|it| it.len() > files.len()), "too few results");
    schemas.validate(&document, index).map_err(|error| anyhow!("{error}"))
}

fn with_findings() -> Result<Vec<PathBuf>> {
    let folder = tools::workspace().join("filter/cli/tests/files");
    let entries = folder.read_dir()?.collect::<Result<Vec<_>, _>>()?;
    Ok(entries.into_iter().map(|entry| entry.path().join("found.yaml")).collect())
}

/// The shell reads the script.
fn completions(shell: &str) -> Result<()> {
    let script = printed(&["completions", shell])?;
    let flag = if shell == "fish" { "--no-execute" } else { "-n" };
    let mut child =
        Command::new(shell).arg(flag).stdin(Stdio::piped()).stderr(Stdio::piped()).spawn()?;
    child.stdin.take().context("no stdin")?.write_all(script.as_bytes())?;
    let output = child.wait_with_output()?;
    let said = String::from_utf8_lossy(&output.stderr).into_owned();
    ensure!(output.status.success() && said.is_empty(), "{said}");
    Ok(())
}
