//! What a rule does with a probe.

use super::*;
use crate::Policy;
use crate::request::FakeRequest;
#[cfg(all(target_arch = "wasm32", target_os = "unknown"))]
use wasm_bindgen_test::wasm_bindgen_test as test;

/// What a configuration with one probe decides for a request.
fn decide(probe: &str, request: &FakeRequest) -> Decision {
    let json = format!(r#"{{"probes":[{{"name":"p",{probe}}}]}}"#);
    let policy = Policy::from_bytes(json.as_bytes(), "shop").unwrap();
    policy.classify(request).unwrap().probe.decide(request, 0)
}

fn forward(probe: &str, request: &FakeRequest) -> HeaderEdits {
    match decide(probe, request) {
        Decision::Forward(edits) => edits,
        reply => panic!("{reply:?}"),
    }
}

fn value<'a>(edits: &'a HeaderEdits, name: &str) -> Option<&'a str> {
    edits.set.iter().find(|(known, _)| *known == name).map(|(_, value)| value.as_str())
}

const HTTP: &str = r#""match":{"path":"/h"}"#;
const GRPC: &str = r#""match":{"grpc":{}}"#;

#[test]
fn a_forwarded_http_probe_is_marked_bounded_and_closes_its_connection() {
    let edits = forward(HTTP, &FakeRequest::new("GET", "/h"));
    assert_eq!(
        edits.set,
        [
            ("x-envoy-upstream-health-check", "true".to_owned()),
            ("x-heartbeat-probe", "p".to_owned()),
            ("x-envoy-upstream-rq-timeout-ms", "3000".to_owned()),
            ("x-envoy-max-retries", "0".to_owned()),
            ("connection", "close".to_owned()),
        ]
    );
}

#[test]
fn connection_is_kept_on_demand_and_always_on_grpc() {
    let keep = format!(r#"{HTTP},"connection":"keep""#);
    assert_eq!(value(&forward(&keep, &FakeRequest::new("GET", "/h")), "connection"), None);
    assert_eq!(value(&forward(GRPC, &FakeRequest::grpc("Check")), "connection"), None);
}

#[test]
fn the_timeout_is_the_rules_own() {
    let timeout = |written: &str| {
        let rule = format!(r#"{HTTP},"timeout":"{written}""#);
        let edits = forward(&rule, &FakeRequest::new("GET", "/h"));
        value(&edits, "x-envoy-upstream-rq-timeout-ms").map(str::to_owned)
    };
    assert_eq!(timeout("250ms").as_deref(), Some("250"));
    assert_eq!(timeout("1m").as_deref(), Some("60000"));
    assert_eq!(timeout("none").as_deref(), Some("0"));
}

#[test]
fn for_grpc_the_smaller_deadline_wins() {
    let timeout = |rule: &str, callers: &'static str| {
        let request = FakeRequest::grpc("Check").with("grpc-timeout", callers);
        let edits = forward(&format!(r#"{GRPC},"timeout":"{rule}""#), &request);
        value(&edits, "x-envoy-upstream-rq-timeout-ms").map(str::to_owned)
    };
    assert_eq!(timeout("1s", "500m").as_deref(), Some("500"));
    assert_eq!(timeout("1s", "5S").as_deref(), Some("1000"));
    assert_eq!(timeout("none", "5S").as_deref(), Some("5000"));
    assert_eq!(timeout("1s", "soon").as_deref(), Some("1000"));
}

#[test]
fn a_deadline_below_a_millisecond_does_not_become_no_limit() {
    let request = FakeRequest::grpc("Check").with("grpc-timeout", "1u");
    assert_eq!(value(&forward(GRPC, &request), "x-envoy-upstream-rq-timeout-ms"), Some("1"));
    let request = FakeRequest::grpc("Check").with("grpc-timeout", "0n");
    assert_eq!(value(&forward(GRPC, &request), "x-envoy-upstream-rq-timeout-ms"), Some("1"));
}

#[test]
fn a_client_cannot_bend_the_deadline() {
    let edits = forward(HTTP, &FakeRequest::new("GET", "/h"));
    assert_eq!(edits.remove, CLIENT_OVERRIDES);
}

#[test]
fn retries_are_what_the_rule_says() {
    let rule = |base: &str| format!(r#"{base},"retries":2"#);
    let edits = forward(&rule(HTTP), &FakeRequest::new("GET", "/h"));
    assert_eq!(value(&edits, "x-envoy-max-retries"), Some("2"));
    assert_eq!(value(&edits, "x-envoy-retry-on"), Some("5xx"));
    let edits = forward(&rule(GRPC), &FakeRequest::grpc("Check"));
    assert_eq!(value(&edits, "x-envoy-retry-grpc-on"), Some("unavailable"));
}

#[test]
fn a_grpc_answer_is_asked_for_without_compression() {
    let edits = forward(GRPC, &FakeRequest::grpc("Check"));
    assert!(edits.remove.contains(&"grpc-accept-encoding"));
}

#[test]
fn respond_answers_in_json_that_nobody_stores() {
    let rule = format!(r#"{HTTP},"action":"respond""#);
    let Decision::Reply(reply) = decide(&rule, &FakeRequest::new("GET", "/h")) else {
        panic!("not a reply")
    };
    assert_eq!(reply.status, 200);
    assert_eq!(reply.body, br#"{"status":"ok","timestamp":"1970-01-01T00:00:00.000Z"}"#);
    assert_eq!(reply.details, "heartbeat_respond_pass");
    assert_eq!(reply.outcome, Outcome::Pass);
    assert_eq!(
        reply.headers,
        [
            ("x-envoy-upstream-healthchecked-cluster", "shop".to_owned()),
            ("x-heartbeat-status", "ready".to_owned()),
            ("content-type", "application/json".to_owned()),
            ("cache-control", "no-store".to_owned()),
        ]
    );
}
