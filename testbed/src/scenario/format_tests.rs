//! What is written wrongly is refused.

use super::*;

fn fault(text: &str) -> String {
    format!("{:#}", read(text).unwrap_err())
}

#[test]
fn an_unknown_key_is_named_with_its_scenario() {
    let fault = fault("scenarios: [{name: a, stepz: []}]");
    assert!(fault.contains("scenario a") && fault.contains("`stepz`"), "{fault}");
}

#[test]
fn an_unknown_key_of_a_step_is_named() {
    for step in ["{send: GET /, hedders: {}}", "{send: GET /, expect: {stadus: 1}}", "{fly: 1}"] {
        let fault = fault(&format!("scenarios: [{{name: a, steps: [{step}]}}]"));
        let key = ["hedders", "stadus", "fly"].into_iter().find(|key| fault.contains(key));
        assert!(key.is_some(), "{fault}");
    }
}

#[test]
fn names_are_snake_case_and_unique() {
    assert!(fault("scenarios: [{name: A b}]").contains("snake_case"));
    assert!(fault("scenarios: [{name: a}, {name: a}]").contains("twice"));
}

#[test]
fn a_refused_configuration_has_no_steps() {
    assert!(fault("scenarios: [{name: a, refused: [x], steps: [{wait: 1s}]}]").contains("steps"));
}

#[test]
fn keys_about_a_dependency_need_one() {
    for key in ["dependency_ignores: [/]", "dependency_grpc_services: {a: SERVING}"] {
        assert!(fault(&format!("scenarios: [{{name: a, {key}}}]")).contains("no dependency"));
        read(&format!("scenarios: [{{name: a, {key}, dependency: {{}}}}]")).unwrap();
    }
}

#[test]
fn the_scenarios_of_a_table_are_scenarios() {
    let name = |scenario: &Scenario| scenario.name.clone();
    let table = "scenarios: [{name: a, table: [{b: [c, d]}], config: '${b}'}";
    let all: Vec<_> = read(&format!("{table}]")).unwrap().iter().map(name).collect();
    assert_eq!(all, ["a_c", "a_d"]);
    assert!(fault(&format!("{table}, {{name: a_d}}]")).contains("a_d stands twice"));
    assert!(
        fault(&format!("{table}, {{name: e, config: '${{b}}'}}]")).contains("unknown template")
    );
}

#[test]
fn hosts_and_processes_have_steps_of_their_own() {
    for (steps, reason) in [
        ("{host_app: stopped}", "host_app needs hosts"),
        ("{prometheus: up, yields: 1}", "prometheus needs hosts"),
    ] {
        let fault = fault(&format!("scenarios: [{{name: a, steps: [{steps}]}}]"));
        assert!(fault.contains(reason), "{steps}: {fault}");
    }
    for steps in ["{signal_app: STOP}", "{restart_app: {}}", "{reload: {}}", "{baseline: {}}"] {
        let fault = fault(&format!("scenarios: [{{name: a, hosts: {{}}, steps: [{steps}]}}]"));
        assert!(fault.contains("and hosts exclude each other"), "{steps}: {fault}");
    }
    for key in ["dependency: {}", "refused: []"] {
        assert!(fault(&format!("scenarios: [{{name: a, hosts: {{}}, {key}}}]")).contains("host"));
    }
    let condition = "{name: a, hosts: {}, steps: [{host_app: drunk}]}";
    assert!(fault(&format!("scenarios: [{condition}]")).contains("drunk"));
    assert!(fault("scenarios: [{name: a, hosts: {app: mute, db: well}}]").contains("db"));
}

#[test]
fn strings_are_templates_and_bytes_are_escapes() {
    let text =
        r#"scenarios: [{name: a, steps: [{send: GET /, headers: {x: "${repeat ab 2}\xFF"}}]}]"#;
    let text = format!("{:?}", read(text).unwrap());
    assert!(text.contains("ababÿ"), "{text}");
}

#[test]
fn an_unknown_key_beside_flattened_ones_is_named() {
    for step in [
        "{burst: {requests: 1, send: GET /, hedders: {}}}",
        "{burst: {requests: 1, send: GET /}, hedders: {}}",
        "{rate: {per_second: 1, for: 1s, connections: 1, send: GET /, hedders: {}}}",
        "{load: {requests: 1, connections: 1, mix: [{send: GET /}], hedders: {}}}",
        "{load: {requests: 1, connections: 1, mix: [{send: GET /, hedders: {}}]}}",
        "{grpc: Check, hedders: {}}",
        "{burst: {requests: 1, grpc: Check, hedders: {}}}",
        "{raw: x, hedders: {}}",
        "{restart_app: {hedders: {}}}",
        "{restart_dependency: {}, hedders: {}}",
        "{set_app: {}, hedders: {}}",
        "{signal_dependency: STOP, hedders: {}}",
        "{wait: 1s, app_pace: {/: {hedders: 1}}}",
        "{wait: 1s, app_pace: {/: {crowded: {within: 1s, hedders: 1}}}}",
        "{wait: 1s, dependency_sees: [{request: GET /, hedders: {}}]}",
        "{send: GET /, throughout: 1s, hedders: {}}",
    ] {
        let fault = fault(&format!("scenarios: [{{name: a, steps: [{step}]}}]"));
        assert!(fault.contains("unknown") && fault.contains("hedders"), "{fault}");
    }
}

#[test]
fn steps_that_make_no_sense_are_refused() {
    for (steps, reason) in [
        ("{send: GET /, leave_after: 1s, expect: {}}", "leave_after"),
        ("{send: GET /, leave_after: 1s, within: 1s}", "leave_after"),
        ("{grpc: Check, leave_after: 1s, expect: {}}", "leave_after"),
        ("{grpc: Check, leave_after: 1s, client: grpcio}", "only the tonic client"),
        ("{grpc: List, client: grpc_health_probe}", "no headers"),
        ("{grpc: Check, client: grpc_health_probe, as: 'spiffe://a/b'}", "no headers"),
        ("{burst: {requests: 0, grpc: Check}}", "no calls"),
        ("{burst: {requests: 1, grpc: Check, leave_after: 1s, answers: {}}}", "leave_after"),
        ("{burst: {requests: 1, grpc: Check, answers: {'200': 1}}}", "no outcome"),
        ("{send: GET /, body: a, body_pieces: []}", "exclude"),
        ("{send: GET /, body: a, pause: 1s}", "between"),
        ("{burst: {requests: 1, send: GET /, pause: 1s}}", "between"),
        ("{burst: {requests: 1, send: GET /, leave_after: 1s, answers: {}}}", "leave_after"),
        ("{burst: {requests: 0, send: GET /}}", "no requests"),
        ("{rate: {per_second: 0, for: 1s, connections: 1, send: GET /}}", "no requests"),
        ("{raw: x, leave_after: 1s, expect: {}}", "leave_after"),
        ("{wait: 1s, memory: {envoy_grows_at_most: 1MiB}}", "baseline"),
        ("{join: b}", "no b in the background"),
        ("{baseline: {}, background: b}", "background"),
        ("{wait: 1s, background: b, dependency_sees: []}", "dependency_sees"),
        ("{set_dependency: {}}", "no dependency"),
        ("{wait: 1s, dependency_counts: {}}", "no dependency"),
        ("{send: GET /, leave_after: 1s, throughout: 1s}", "leave_after"),
        ("{send: GET /, expect: {body_schema: nowhere.json}}", "nowhere.json"),
        ("{send: GET /, expect: {json: {a: '~('}}}", "regex"),
        ("{set_app: {/: {body_size: 1MB}}}", "1MB"),
        ("{send: GET /, background: b, app_sees: []}", "app_sees"),
        ("{send: GET /, background: b}, {send: GET /, background: b}", "already"),
        ("{send: GET /, background: b}, {join: b}, {join: b}", "no b in the background"),
    ] {
        let fault = fault(&format!("scenarios: [{{name: a, steps: [{steps}]}}]"));
        assert!(fault.contains(reason), "{steps}: {fault}");
    }
}
