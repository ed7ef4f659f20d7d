//! Runs every scenario of `testbed/scenarios`, each as a test of its own. Those about
//! hosts are ignored but in the testbed's containers (`make testbed`).
//!
//! Many of them are about time, which a busy machine may not have: one that fails is
//! tried once more, and both the failure and the second try are printed.

use std::process::ExitCode;
use std::sync::Arc;

use libtest_mimic::{Arguments, Failed, Trial};
use testbed::hosts::Hosts;
use testbed::scenario::{self, Scenario};
use testbed::tools::{self, Tools};

fn main() -> ExitCode {
    let mut arguments = Arguments::from_args();
    // Scenarios spend most of their time waiting.
    let cores = std::thread::available_parallelism().map_or(1, usize::from);
    arguments.test_threads.get_or_insert(2 * cores);
    let files = match scenario::read_all(&tools::scenarios()) {
        Ok(files) => files,
        Err(error) => {
            eprintln!("error: {error:#}");
            return ExitCode::FAILURE;
        }
    };
    let testbed = std::env::var_os("HEARTBEAT_TESTBED");
    let tools = Tools::from_env(testbed.unwrap_or(env!("CARGO_BIN_EXE_testbed").into()));
    let means = Arc::new((tools, Hosts::from_env()));
    // All scenarios about hosts share the same ones.
    let all = files.into_iter().flat_map(|file| {
        let named = move |it: Scenario| (format!("{}::{}", file.group, it.name), it);
        file.scenarios.into_iter().map(named)
    });
    let (alone, together): (Vec<_>, Vec<_>) =
        all.partition(|(_, scenario)| scenario.alone || scenario.hosts.is_some());
    let run = |arguments: &Arguments, some: Vec<(String, Scenario)>| {
        let trial = |(name, scenario)| trial(name, scenario, means.clone());
        let trials = some.into_iter().map(trial).collect();
        libtest_mimic::run(arguments, trials)
    };
    let mut faults = run(&arguments, together).has_failed();
    arguments.test_threads = Some(1);
    faults |= run(&arguments, alone).has_failed();
    if faults { ExitCode::from(101) } else { ExitCode::SUCCESS }
}

fn trial(name: String, scenario: Scenario, means: Arc<(Tools, Option<Hosts>)>) -> Trial {
    let clockless = scenario.sets_clock() && means.0.clock().is_err();
    if clockless {
        eprintln!("skipped: no clock that can be set (scripts/clock.sh): {name}");
    }
    let ignored = clockless || (scenario.hosts.is_some() && means.1.is_none());
    let title = name.clone();
    Trial::test(name, move || {
        // The children of a scenario live as long as the thread that starts
        // them, so everything runs on this one.
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
        let (tools, hosts) = &*means;
        let attempt = || {
            runtime.block_on(async {
                match hosts {
                    Some(hosts) if scenario.hosts.is_some() => {
                        scenario::run_on(&scenario, tools, hosts).await
                    }
                    _ => scenario::run(&scenario, tools).await,
                }
            })
        };
        let again = |error| {
            let first = format!("{error:#}");
            let reason = first.lines().next().unwrap_or_default();
            eprintln!("tried again: {title}: {reason}");
            attempt()
        };
        attempt().or_else(again).map_err(|error| Failed::from(format!("{error:#}")))
    })
    .with_ignored_flag(ignored)
}
