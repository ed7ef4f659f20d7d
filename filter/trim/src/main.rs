//! `heartbeat-trim filter IN OUT`: trims the compiled filter to its contract, refuses a
//! module that breaks it, and says how big it became; `heartbeat-trim hub IN OUT` the hub.

use std::path::Path;
use std::process::ExitCode;
use std::{env, fs};

use anyhow::{Context, Result, bail};
use heartbeat_trim::contract::Contract;
use heartbeat_trim::trim;

const USAGE: &str = "usage: heartbeat-trim [--keep-names] filter|hub IN OUT";

fn main() -> ExitCode {
    match run() {
        Ok(line) => {
            println!("{line}");
            ExitCode::SUCCESS
        }
        Err(error) => {
            eprintln!("heartbeat-trim: {error:#}");
            ExitCode::FAILURE
        }
    }
}

fn run() -> Result<String> {
    let (flags, files): (Vec<_>, Vec<_>) =
        env::args().skip(1).partition(|argument| argument.starts_with("--"));
    let keep_names = match flags.as_slice() {
        [] => false,
        [flag] if flag == "--keep-names" => true,
        _ => bail!(USAGE),
    };
    let [name, input, output] = files.as_slice() else {
        bail!(USAGE);
    };
    let Some(contract) = Contract::of(name) else {
        bail!(USAGE);
    };

    let wasm = fs::read(input).with_context(|| format!("cannot read {input}"))?;
    let trimmed = trim(&wasm, contract, keep_names).with_context(|| input.clone())?;
    let violations: Vec<_> = contract.check(&trimmed).iter().map(ToString::to_string).collect();
    if !violations.is_empty() {
        bail!("{input} breaks the contract:\n  {}", violations.join("\n  "));
    }

    write(Path::new(output), &trimmed).with_context(|| format!("cannot write {output}"))?;
    Ok(format!("{output}: {}", contract.describe(&trimmed)?))
}

/// Writes beside `path` and renames: a proxy that loads the module meanwhile
/// sees the old file or the new one, never half of one.
fn write(path: &Path, bytes: &[u8]) -> Result<()> {
    if let Some(directory) = path.parent() {
        fs::create_dir_all(directory)?;
    }
    let partial = path.with_extension("partial");
    fs::write(&partial, bytes)?;
    fs::rename(&partial, path)?;
    Ok(())
}
