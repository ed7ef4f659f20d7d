//! Lets Envoy load every static configuration that is shipped, with the module.

use std::path::{Path, PathBuf};
use std::process::ExitCode;

use anyhow::{Context, Result, ensure};
use libtest_mimic::{Arguments, Failed, Trial};
use testbed::envoy::EnvoyBuilder;
use testbed::tools::{self, Tools};

fn main() -> ExitCode {
    let trials = match shipped() {
        Ok(paths) => paths.into_iter().map(trial).collect(),
        Err(error) => {
            eprintln!("error: {error:#}");
            return ExitCode::FAILURE;
        }
    };
    libtest_mimic::run(&Arguments::from_args(), trials).exit_code()
}

fn shipped() -> Result<Vec<PathBuf>> {
    let directory = tools::envoy_configs().join("static");
    let entries = directory
        .read_dir()
        .and_then(Iterator::collect::<Result<Vec<_>, _>>)
        .with_context(|| format!("can't read {}", directory.display()))?;
    let mut paths: Vec<_> = entries.into_iter().map(|entry| entry.path()).collect();
    paths.retain(|path| path.extension().is_some_and(|extension| extension == "yaml"));
    paths.sort();
    ensure!(!paths.is_empty(), "no configuration in {}", directory.display());
    Ok(paths)
}

fn trial(path: PathBuf) -> Trial {
    let name = path.file_stem().unwrap_or_default().to_string_lossy().into_owned();
    Trial::test(name, move || validate(&path).map_err(|error| Failed::from(format!("{error:#}"))))
}

fn validate(path: &Path) -> Result<()> {
    let tools = Tools::from_env(env!("CARGO_BIN_EXE_testbed"));
    EnvoyBuilder::new(&tools, path)?.validate()
}
