//! What istiod does to a proxy, done to real Envoys of every version that is supported.

mod channel;
mod control_plane;
mod life;
mod listener;
mod load;
mod stack;
mod storm;
mod wasm_plugin;

use std::process::ExitCode;

use libtest_mimic::{Arguments, Failed, Trial};
use testbed::tools::{OLDER_ENVOYS, Tools};

use self::channel::Way;

fn main() -> ExitCode {
    let arguments = Arguments::from_args();
    let tools = Tools::from_env(env!("CARGO_BIN_EXE_testbed"));
    let mut faults = libtest_mimic::run(&arguments, of_all_versions(&tools)).has_failed();
    // What is measured is measured alone.
    let storm = trial("storm".into(), async move || storm::run(&tools).await);
    faults |= libtest_mimic::run(&arguments, vec![storm]).has_failed();
    if faults { ExitCode::from(101) } else { ExitCode::SUCCESS }
}

fn of_all_versions(tools: &Tools) -> Vec<Trial> {
    let older = OLDER_ENVOYS.map(|version| (version, tools.with_envoy(version)));
    let mut trials = Vec::new();
    for (version, tools) in older.into_iter().chain([("newest", tools.clone())]) {
        let version = version.replace('.', "_");
        for way in Way::ALL {
            let tools = tools.clone();
            let name = format!("envoy_{version}::{}", way.name());
            trials.push(trial(name, async move || life::run(&tools, way).await));
        }
        let name = format!("envoy_{version}::the_listener_lets_go");
        trials.push(trial(name, async move || listener::run(&tools, Way::Delta).await));
    }
    trials
}

/// The children of a test live as long as the thread that starts them, so everything runs
/// on this one.
fn trial(name: String, test: impl AsyncFnOnce() -> anyhow::Result<()> + Send + 'static) -> Trial {
    Trial::test(name, move || {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
        runtime.block_on(test()).map_err(|error| Failed::from(format!("{error:#}")))
    })
}
