//! The hub on real Envoys: what it is told, what it makes of it, and what becomes of the
//! Envoys that follow it.

mod asked;
mod bodies;
mod bridges;
mod credentials;
mod dead_hubs;
mod each_other;
mod flood;
mod following;
mod garbage;
mod heat_map;
mod hubs;
mod ownership;
mod plugins;
mod polls;
mod publish;
mod recipes;
mod refused;
mod stack;
mod updates;
mod verdicts;
mod watches;
mod webhooks;

use std::process::ExitCode;

use anyhow::Result;
use libtest_mimic::{Arguments, Failed, Trial};
use testbed::tools::Tools;

fn main() -> ExitCode {
    let mut arguments = Arguments::from_args();
    // They spend most of their time waiting.
    let cores = std::thread::available_parallelism().map_or(1, usize::from);
    arguments.test_threads.get_or_insert(2 * cores);
    let trials = [
        flood::trials(),
        following::trials(),
        hubs::trials(),
        dead_hubs::trials(),
        ownership::trials(),
        asked::trials(),
        credentials::trials(),
        garbage::trials(),
        heat_map::trials(),
        bodies::trials(),
        bridges::trials(),
        polls::trials(),
        publish::trials(),
        watches::trials(),
        each_other::trials(),
        updates::trials(),
        plugins::trials(),
        webhooks::trials(),
        recipes::trials(),
        refused::trials(),
    ];
    libtest_mimic::run(&arguments, trials.into_iter().flatten().collect()).exit_code()
}

fn tools() -> Tools {
    Tools::from_env(env!("CARGO_BIN_EXE_testbed"))
}

/// A test; one that fails is tried once more, as time is short on a busy machine, and both
/// is said.
///
/// The children of a test live as long as the thread that starts them, so everything runs
/// on this one.
fn trial(name: &str, test: impl AsyncFn() -> Result<()> + Send + 'static) -> Trial {
    let title = name.to_owned();
    Trial::test(name, move || {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
        let again = |error: anyhow::Error| {
            eprintln!("tried again: {title}: {error:#}");
            runtime.block_on(test())
        };
        let result = runtime.block_on(test()).or_else(again);
        result.map_err(|error| Failed::from(format!("{error:#}")))
    })
}
