//! Envoy Gateway's own program in front of stock Envoy: what it makes of the shipped policy
//! works there as the pages say.
//!
//! It runs standalone, without Kubernetes: its resources are files, and it starts Envoy
//! itself (testbed/controlplanes/gateway). For that it wants fixed ports, a folder in `/` and
//! a name for this host, so all of this runs apart from the machine.

mod bed;
mod chain;
mod control;
mod faults;
mod image;
mod life;
mod policy;
mod routes;
mod seen;
mod shipped;
mod web;

use std::process::ExitCode;

use libtest_mimic::{Arguments, Failed, Trial};
use testbed::apart::{self, Apart, Place};
use testbed::tools::{OLDER_ENVOYS, Tools};

use self::image::Form;

fn main() -> ExitCode {
    let apart = Apart { names: &[control::NAME], folders: &[control::CERTIFICATES] };
    match apart::enter(apart) {
        Ok(Place::Inside) => run(),
        Ok(Place::Outside(code)) => code,
        Ok(Place::Nowhere(why)) => {
            eprintln!("skipped: {why}: Envoy Gateway");
            ExitCode::SUCCESS
        }
        Err(error) => {
            eprintln!("error: {error:#}");
            ExitCode::FAILURE
        }
    }
}

fn run() -> ExitCode {
    let mut arguments = Arguments::from_args();
    // The ports are there once.
    arguments.test_threads = Some(1);
    let tools = Tools::from_env(env!("CARGO_BIN_EXE_testbed"));
    let mut trials = Vec::new();
    let older = OLDER_ENVOYS.map(|version| (version, tools.with_envoy(version)));
    for (version, tools) in older.into_iter().chain([("newest", tools.clone())]) {
        let mut add = |name: &str, test: fn(&Tools) -> anyhow::Result<()>| {
            trials.push(trial(
                &format!("envoy_{}::{name}", version.replace('.', "_")),
                &tools,
                test,
            ));
        };
        add("shipped::an_image_is_fetched", |tools| {
            alone(shipped::from_an_image(tools, Form::Image))
        });
        add("life::no_request_is_lost_as_a_policy_comes_and_goes", |tools| {
            alone(life::life(tools))
        });
    }
    let mut add = |name: &str, test: fn(&Tools) -> anyhow::Result<()>| {
        trials.push(trial(name, &tools, test));
    };
    add("shipped::an_artifact_is_fetched", |tools| {
        alone(shipped::from_an_image(tools, Form::Artifact))
    });
    add("shipped::a_web_server_will_do", |tools| alone(shipped::from_a_web_server(tools)));
    add("faults::a_wrong_configuration_at_start_closes_or_opens_its_routes", |tools| {
        alone(faults::a_wrong_configuration_at_start(tools))
    });
    add("faults::a_wrong_digest_fails_every_request_at_once", |tools| {
        alone(faults::a_wrong_digest(tools))
    });
    add("faults::a_registry_is_asked_again_only_when_something_changes", |tools| {
        alone(faults::the_registry_away(tools))
    });
    add("routes::a_route_may_have_a_policy_of_its_own", |tools| {
        alone(routes::a_route_may_have_a_policy_of_its_own(tools))
    });
    add("routes::a_policy_for_a_route_spares_all_others_the_module", |tools| {
        alone(routes::other_routes_are_spared(tools))
    });
    add("routes::a_probe_needs_a_route", |tools| alone(routes::a_probe_needs_a_route(tools)));
    add("chain::authentication_comes_first", |tools| {
        alone(chain::authentication_comes_first(tools))
    });
    add("chain::the_module_can_be_put_before_authentication", |tools| {
        alone(chain::the_module_can_be_put_before_authentication(tools))
    });
    add("chain::authorization_and_rate_limits_come_after", |tools| {
        alone(chain::authorization_and_rate_limits_come_after(tools))
    });
    add("chain::the_shipped_order_moves_the_module_before_all_authentication", |tools| {
        alone(chain::among_all_filters(tools))
    });
    add("faults::a_wrong_configuration_holds_back_the_listener", |tools| {
        alone(faults::the_listener_held_back(tools))
    });
    add("seen::metrics_have_labels", |tools| alone(seen::metrics_have_labels(tools)));
    add("seen::the_address_is_the_one_that_envoy_trusts", |tools| {
        alone(seen::the_address_is_the_one_that_envoy_trusts(tools))
    });
    add("seen::a_check_may_ask_the_backends_of_a_route", |tools| {
        alone(seen::a_check_may_ask_the_backends_of_a_route(tools))
    });
    libtest_mimic::run(&arguments, trials).exit_code()
}

fn trial(name: &str, tools: &Tools, test: fn(&Tools) -> anyhow::Result<()>) -> Trial {
    let tools = tools.clone();
    Trial::test(name, move || test(&tools).map_err(|error| Failed::from(format!("{error:#}"))))
}

/// The children of a test live as long as the thread that starts them, so everything of it
/// runs on this one.
fn alone(test: impl Future<Output = anyhow::Result<()>>) -> anyhow::Result<()> {
    tokio::runtime::Builder::new_current_thread().enable_all().build()?.block_on(test)
}
