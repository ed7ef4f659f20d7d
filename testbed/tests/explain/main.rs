//! What heartbeatctl says of a request or a metric is what a real Envoy does.

mod metrics;
mod requests;

use std::process::ExitCode;

use anyhow::{Context, Result};
use clap::Parser;
use libtest_mimic::{Arguments, Failed, Trial};
use serde_json::Value;
use testbed::tools::Tools;

fn main() -> ExitCode {
    let arguments = Arguments::from_args();
    let trials = match requests::trials() {
        Ok(requests) => requests.into_iter().chain(metrics::trials()),
        Err(error) => {
            eprintln!("error: {error:#}");
            return ExitCode::FAILURE;
        }
    };
    libtest_mimic::run(&arguments, trials.collect()).exit_code()
}

fn tools() -> Tools {
    Tools::from_env(env!("CARGO_BIN_EXE_testbed"))
}

fn trial(name: impl Into<String>, check: impl FnOnce() -> Result<()> + Send + 'static) -> Trial {
    Trial::test(name, move || check().map_err(|error| Failed::from(format!("{error:#}"))))
}

fn block_on(check: impl Future<Output = Result<()>>) -> Result<()> {
    tokio::runtime::Builder::new_multi_thread().enable_all().build()?.block_on(check)
}

/// What heartbeatctl prints.
fn printed(words: &[String]) -> Result<String> {
    let words = std::iter::once("heartbeatctl").chain(words.iter().map(String::as_str));
    let arguments = heartbeat_cli::arguments::Arguments::try_parse_from(words)?;
    let mut out = Vec::new();
    heartbeat_cli::run(&arguments, &mut out)?;
    Ok(String::from_utf8(out)?)
}

/// The same as JSON.
fn json(words: &[String]) -> Result<Value> {
    let printed = printed(words)?;
    serde_json::from_str(&printed).with_context(|| format!("{words:?} print {printed:?}"))
}

fn words<const N: usize>(words: [&str; N]) -> Vec<String> {
    words.map(str::to_owned).to_vec()
}
