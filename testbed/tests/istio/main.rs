//! Istio's own control plane in front of stock Envoys of every version that is supported:
//! what istiod makes of the shipped resources works there as the pages say.
//!
//! Each test has an istiod of its own, with a Kubernetes API in the same process
//! (testbed/controlplanes/istio), and no agent: Envoy gets the module from a file, and what
//! it needs from istiod directly.

mod gateway;
mod istiod;
mod proxy;
mod sent;
mod sidecar;
mod together;
#[allow(dead_code, reason = "those tests send what is only compared here")]
#[path = "../istiod/wasm_plugin.rs"]
mod wasm_plugin;
mod workload;

use std::process::ExitCode;

use libtest_mimic::{Arguments, Failed, Trial};
use testbed::tools::{OLDER_ENVOYS, Tools};

fn main() -> ExitCode {
    let mut arguments = Arguments::from_args();
    // Some of the shipped resources name ports, which only one Envoy can have.
    arguments.test_threads = Some(1);
    let tools = Tools::from_env(env!("CARGO_BIN_EXE_testbed"));
    let older = OLDER_ENVOYS.map(|version| (version, tools.with_envoy(version)));
    let mut trials = Vec::new();
    for (version, tools) in older.into_iter().chain([("newest", tools.clone())]) {
        let mut add = |name: &str, test: fn(&Tools) -> anyhow::Result<()>| {
            let tools = tools.clone();
            let name = format!("envoy_{}::{name}", version.replace('.', "_"));
            trials.push(Trial::test(name, move || {
                test(&tools).map_err(|error| Failed::from(format!("{error:#}")))
            }));
        };
        add("sidecar::a_wasm_plugin_lives_and_dies", |tools| {
            alone(sidecar::life(tools, sidecar::Form::WasmPlugin))
        });
        add("sidecar::a_traffic_extension_lives_and_dies", |tools| {
            alone(sidecar::life(tools, sidecar::Form::TrafficExtension))
        });
        add("gateway::only_the_balancers_addresses_are_answered", |tools| {
            alone(gateway::life(tools))
        });
        add("together::all_that_is_shipped_is_taken", |tools| alone(together::all(tools)));
        add("together::the_phase_says_who_comes_first", |tools| alone(together::order(tools)));
        add("together::each_plugin_has_its_own_way", |tools| alone(together::two(tools)));
        add("sent::as_the_testbeds_own_control_plane_does", |tools| alone(sent::alike(tools)));
    }
    libtest_mimic::run(&arguments, trials).exit_code()
}

/// The children of a test live as long as the thread that starts them, so everything of it
/// runs on this one.
fn alone(test: impl Future<Output = anyhow::Result<()>>) -> anyhow::Result<()> {
    tokio::runtime::Builder::new_current_thread().enable_all().build()?.block_on(test)
}
