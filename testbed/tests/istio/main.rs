//! Istio's own control plane in front of stock Envoys of every version that is supported:
//! what istiod makes of the shipped resources works there as the pages say.
//!
//! Each test has an istiod of its own, with a Kubernetes API in the same process
//! (testbed/controlplanes/istio). Where it isn't one of [`agent`] there is no agent: Envoy
//! gets the module from a file, and what it needs from istiod directly.

mod agent;
mod failures;
mod gateway;
mod hub;
mod istioctl;
mod istiod;
mod network;
mod proxy;
mod rollout;
mod scenarios;
mod sent;
mod sidecar;
mod together;
#[allow(dead_code, reason = "those tests send what is only compared here")]
#[path = "../istiod/wasm_plugin.rs"]
mod wasm_plugin;
mod workload;

use std::process::ExitCode;

use libtest_mimic::{Arguments, Failed, Trial};
use testbed::apart::{self, Apart, Place};
use testbed::tools::{OLDER_ENVOYS, Tools};

fn main() -> ExitCode {
    // Istio's ports are always the same, and some of the shipped resources name ports, too.
    let place = apart::enter(Apart { names: &[], folders: &[] }).and_then(|place| match place {
        Place::Inside => run(None),
        Place::Nowhere(why) => run(Some(why)),
        Place::Outside(code) => Ok(code),
    });
    place.unwrap_or_else(|error| {
        eprintln!("error: {error:#}");
        ExitCode::FAILURE
    })
}

/// Runs the tests; where there is no machine of their own, without pods.
fn run(nowhere: Option<String>) -> anyhow::Result<ExitCode> {
    let mut arguments = Arguments::from_args();
    // The ports are there once.
    arguments.test_threads = Some(1);
    let tools = Tools::from_env(env!("CARGO_BIN_EXE_testbed"));
    let lack = match nowhere {
        Some(why) => Some(why),
        None => network::become_node(&tools)?,
    };
    if let Some(lack) = &lack {
        eprintln!("skipped: {lack}: agent::*");
    }
    let older = OLDER_ENVOYS.map(|version| (version, tools.with_envoy(version)));
    let mut trials = Vec::new();
    for (version, tools) in older.into_iter().chain([("newest", tools.clone())]) {
        let prefix = format!("envoy_{}", version.replace('.', "_"));
        let mut add = |name: &str, test: fn(&Tools) -> anyhow::Result<()>| {
            let tools = tools.clone();
            let name = format!("{prefix}::{name}");
            let skipped = name.contains("::agent::") && lack.is_some();
            let trial = Trial::test(name, move || {
                test(&tools).map_err(|error| Failed::from(format!("{error:#}")))
            });
            trials.push(trial.with_ignored_flag(skipped));
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
        add("agent::an_image_comes_by_tag_and_by_digest", |tools| alone(agent::digests(tools)));
        add("agent::a_wrong_digest_refuses_as_the_strategy_says", |tools| {
            alone(agent::failures(tools))
        });
        add("agent::a_registry_that_is_away_is_asked_again_when_something_changes", |tools| {
            alone(agent::outages(tools))
        });
        add("agent::everything_shipped_works_in_a_pod", |tools| alone(agent::together(tools)));
        add("agent::a_hub_outside_the_mesh_hears_how_a_pod_is", |tools| {
            alone(agent::published(tools))
        });
        add("agent::every_metric_comes_out_with_its_labels", |tools| alone(agent::labels(tools)));
        add("agent::kubelets_probes_come_to_the_filter", |tools| alone(agent::left_alone(tools)));
        add("agent::rewritten_probes_pass_the_filter_by", |tools| alone(agent::rewritten(tools)));
        add("agent::principals_are_known_in_two_trust_domains", |tools| {
            alone(agent::two_trust_domains(tools))
        });
        add("failures::a_new_plugin_that_is_refused_costs_every_request", |tools| {
            alone(failures::refused(tools))
        });
        add("failures::the_strategy_says_what_a_trap_costs", |tools| {
            alone(failures::trapped(tools))
        });
        add("failures::plugins_of_one_module_share_a_trap", |tools| alone(failures::shared(tools)));
        add("rollout::a_canary_and_then_all_and_back_cost_no_request", |tools| {
            alone(rollout::canary(tools))
        });
        add("hub::traffic_goes_where_it_says", |tools| alone(hub::followed(tools)));
        add("hub::a_pod_without_the_annotation_has_all_other_services", |tools| {
            alone(hub::forgotten(tools))
        });
        add("sent::as_the_testbeds_own_control_plane_does", |tools| alone(sent::alike(tools)));
        for case in &scenarios::ALL {
            let tools = tools.clone();
            trials.push(Trial::test(format!("{prefix}::scenarios::{}", case.name), move || {
                alone(case.run(&tools)).map_err(|error| Failed::from(format!("{error:#}")))
            }));
        }
    }
    trials.push(Trial::test("istioctl::warns_of_envoy_filters_alone", move || {
        istioctl::warnings(&tools).map_err(|error| Failed::from(format!("{error:#}")))
    }));
    Ok(libtest_mimic::run(&arguments, trials).exit_code())
}

/// The children of a test live as long as the thread that starts them, so everything of it
/// runs on this one.
fn alone(test: impl Future<Output = anyhow::Result<()>>) -> anyhow::Result<()> {
    tokio::runtime::Builder::new_current_thread().enable_all().build()?.block_on(test)
}
