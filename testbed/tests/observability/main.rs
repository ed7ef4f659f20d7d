//! What people look at: the filter's metrics in a real Prometheus that scrapes a real
//! Envoy under load, and the rules, alerts and dashboard that are shipped for them.

mod alerts;
mod faults;
mod hub;
mod live;
mod proxy_stats;
mod reports;
mod runbook;
mod shared;
mod shipped;
mod stack;
mod tags;
mod told;

use std::process::ExitCode;

use libtest_mimic::{Arguments, Failed, Trial};
use testbed::tools::Tools;

use self::shared::Shared;

fn main() -> ExitCode {
    let shared = Shared::default();
    let mut trials = shipped::trials();
    trials.extend(alerts::trials());
    trials.extend(runbook::trials());
    trials.extend(tags::trials());
    trials.extend(proxy_stats::trials());
    trials.extend(told::trials());
    trials.extend(hub::trials());
    trials.extend(live::trials(&shared));
    trials.push(reports::trial(&shared));
    let conclusion = libtest_mimic::run(&Arguments::from_args(), trials);
    // What runs ends here, and not with the process: it leaves no files behind.
    shared.end();
    conclusion.exit_code()
}

fn tools() -> Tools {
    Tools::from_env(env!("CARGO_BIN_EXE_testbed"))
}

fn trial(name: &str, run: impl FnOnce() -> anyhow::Result<()> + Send + 'static) -> Trial {
    Trial::test(name, || run().map_err(|error| Failed::from(format!("{error:#}"))))
}

/// Runs a future to its end.
fn block_on<T>(future: impl Future<Output = anyhow::Result<T>>) -> anyhow::Result<T> {
    tokio::runtime::Runtime::new()?.block_on(future)
}
