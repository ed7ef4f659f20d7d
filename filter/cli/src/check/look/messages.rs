//! Messages and bodies that Envoy shows a module only where the plugin says so.

use crate::check::finding::{Finding, Rule};
use crate::source::{File, Form, Found, Kind, Loaded, Value};

const ALLOW: &str = "allow_on_headers_stop_iteration";

pub fn look(_: &File, found: &Found, loaded: &Loaded) -> Vec<Finding> {
    let allow = loaded.plugin.field(ALLOW);
    let allowed =
        loaded.form == Form::Envoy && allow.is_some_and(|allow| allow.value == Value::Bool(true));
    if allowed {
        return Vec::new();
    }
    match found.kind {
        Kind::Filter => of_filter(found, loaded.form),
        Kind::Hub => {
            let position = loaded.document.position(&loaded.plugin);
            let problem = match loaded.form {
                Form::Envoy => {
                    "is missing: Envoy holds bodies back, and every post of events fails; write allow_on_headers_stop_iteration: true beside vm_config"
                }
                _ => {
                    "can't be set here, and without it Envoy shows the hub no bodies: run the hub in a stock Envoy, as envoy-config/mesh/hub.yaml does"
                }
            };
            vec![Finding::new(Rule::HubBodies, position, ALLOW, problem)]
        }
    }
}

/// Rules that name the service, which stands in the message.
fn of_filter(found: &Found, form: Form) -> Vec<Finding> {
    let Some(config) = &found.config else { return Vec::new() };
    let rules = config.root.get("probes").map_or(&[][..], |probes| probes.items());
    let mut findings = Vec::new();
    for (index, rule) in rules.iter().enumerate() {
        let services = rule.at_path(&["match", "grpc", "services"]);
        let named = services.filter(|it| it.items().iter().any(|name| name.text() != Some("*")));
        let Some(services) = named else { continue };
        let mend = match form {
            Form::Envoy => {
                "write allow_on_headers_stop_iteration: true beside vm_config (Envoy 1.35)"
            }
            Form::Istio => {
                "a resource of Istio can't say that; an EnvoyFilter can, as envoy-config/istio/before-ext-authz.yaml does"
            }
            Form::EnvoyGateway => "an EnvoyExtensionPolicy can't say that; an EnvoyPatchPolicy can",
        };
        let problem = format!(
            "the filter isn't shown which service a call asks for, so that no call is this probe; {mend}"
        );
        let place = format!("probes[{index}].match.grpc.services");
        findings.push(Finding::new(Rule::Services, config.position(services), place, problem));
    }
    findings
}
