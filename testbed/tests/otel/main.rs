//! What arrives by OTLP: the shipped configuration in a real OpenTelemetry Collector, which
//! scrapes a real Envoy and sends to another collector.

mod arrived;
mod collector;
mod config;
mod istio;
mod kubernetes;
mod live;
mod outages;
mod shipped;
mod sink;

use std::process::ExitCode;
use std::time::{Duration, Instant};

use anyhow::{Result, bail};
use libtest_mimic::{Arguments, Failed, Trial};
use testbed::tools::Tools;

/// How long something may take to arrive: a few scrapes, and retries of what got lost.
const TIMEOUT: Duration = Duration::from_secs(60);

const POLL: Duration = Duration::from_millis(200);

fn main() -> ExitCode {
    let trials = [shipped::trials(), live::trials(), outages::trials(), istio::trials()].concat();
    let trials = trials.into_iter().map(|(name, test)| {
        Trial::test(name, move || test().map_err(|error| Failed::from(format!("{error:#}"))))
    });
    libtest_mimic::run(&Arguments::from_args(), trials.collect()).exit_code()
}

/// A name, and what is run under it.
type Test = (&'static str, fn() -> Result<()>);

fn tools() -> Tools {
    Tools::from_env(env!("CARGO_BIN_EXE_testbed"))
}

/// Runs a future on this thread, with which the children of a test die.
fn alone(test: impl Future<Output = Result<()>>) -> Result<()> {
    tokio::runtime::Builder::new_current_thread().enable_all().build()?.block_on(test)
}

/// Looks for faults until there are none, or fails with them.
async fn eventually(mut look: impl AsyncFnMut() -> Result<Vec<String>>) -> Result<()> {
    let deadline = Instant::now() + TIMEOUT;
    loop {
        let faults = look().await?;
        if faults.is_empty() {
            return Ok(());
        }
        if Instant::now() > deadline {
            bail!("{} faults:\n- {}", faults.len(), faults.join("\n- "));
        }
        tokio::time::sleep(POLL).await;
    }
}

/// Waits until `look` finds something.
async fn found<T>(what: &str, mut look: impl FnMut() -> Option<T>) -> Result<T> {
    let mut kept = None;
    eventually(async || {
        kept = look();
        Ok(if kept.is_some() { vec![] } else { vec![format!("no {what}")] })
    })
    .await?;
    kept.ok_or_else(|| anyhow::anyhow!("no {what}"))
}
