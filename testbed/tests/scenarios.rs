//! Runs every scenario of `testbed/scenarios`, each as a test of its own.

use std::process::ExitCode;
use std::sync::Arc;

use libtest_mimic::{Arguments, Failed, Trial};
use testbed::scenario::{self, Told};
use testbed::tools::{self, Tools};

fn main() -> ExitCode {
    let mut arguments = Arguments::from_args();
    // Scenarios spend most of their time waiting.
    let cores = std::thread::available_parallelism().map_or(1, usize::from);
    arguments.test_threads.get_or_insert(2 * cores);
    let all = match scenario::read_all(&tools::scenarios()) {
        Ok(all) => all,
        Err(error) => {
            eprintln!("error: {error:#}");
            return ExitCode::FAILURE;
        }
    };
    let tools = Arc::new(Tools::from_env(env!("CARGO_BIN_EXE_testbed")));
    let trials = all.into_iter().map(|told| trial(told, tools.clone())).collect();
    libtest_mimic::run(&arguments, trials).exit_code()
}

fn trial(told: Told, tools: Arc<Tools>) -> Trial {
    let name = format!("{}::{}", told.group, told.scenario.name);
    Trial::test(name, move || {
        // The children of a scenario live as long as the thread that starts
        // them, so everything runs on this one.
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
        runtime
            .block_on(scenario::run(&told.scenario, &tools))
            .map_err(|error| Failed::from(format!("{error:#}")))
    })
}
