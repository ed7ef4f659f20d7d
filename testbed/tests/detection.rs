//! A test that can't fail proves nothing: here every kind of expectation is
//! wrong, on a real Envoy, and the report must name them all.

use testbed::scenario;
use testbed::tools::Tools;

const ALL_WRONG: &str = r#"
scenarios:
  - name: every_expectation_is_wrong
    envoy: { file: envoy/plain.yaml }
    dependency: {}
    steps:
      - { send: GET /health, expect: { status: 503 }, metrics: { no_such_metric: 1 } }
      - { send: GET /health, app_sees: [] }
      - { send: GET /health, app_counts: { /health: 2 } }
      - { send: GET /health, times: 2, within: 100ms, expect: { body: sick } }
      - { send: GET /health, to: nowhere }
      - { grpc: Check, expect: { serving: NOT_SERVING } }
      - { grpc: Watch, client: grpcio, expect: { code: UNIMPLEMENTED } }
      - { load: { requests: 10, connections: 2, mix: [{ send: GET /nowhere }, { send: GET /health }] } }
      - { admin: GET /ready, expect: { body: DRAINING } }
      - { burst: { requests: 4, send: GET /nowhere } }
      - { burst: { requests: 4, send: GET /health, answers: { "200": { at_most: 3 }, "503": 1 } } }
      - { rate: { per_second: 10, for: 1s, connections: 5, send: GET /health, answers: { "200": 9 } } }
      - { set_app: { /livez: { hang: true } } }
      - { rate: { per_second: 10, for: 1s, connections: 1, send: GET /livez, expect: { status: 504 } } }
      - { send: GET /nowhere, background: slow, expect: { status: 200 }, app_counts: { /nowhere: 0 } }
      - { join: slow }
      - { raw: "GET /health HTTP/1.1\r\nHost: a\r\n\r\n", read_for: 100ms, expect: { text: sick, closed: true } }
      - { send: GET /health, expect: { error: certificate } }
      - { send: GET /health, as: anonymous }
      - { baseline: {} }
      - { burst: { requests: 500, send: GET /health }, memory: { envoy_grows_at_most: 0KiB } }
      - { send: GET /health, background: never_joined, expect: { headers: { age: { at_least: 1 } } } }
      - { wait: 0s, dependency_sees: [{ request: GET /health }] }
      - { set_dependency: {}, dependency_counts: { /health: 1 } }
      - { wait: 200ms, dependency_pace: { /health: { times: 1, longest_gap: { at_most: 100ms } } } }
      - { send: GET /health, times: 2, app_pace: { /health: { crowded: { within: 9s, at_most: 0 }, shortest_gap: { at_least: 9s } } } }
      - { restart_dependency: {}, dependency_pace: { /health: { times: 0 } } }
      - { set_app: { /livez: { sequence: [{}, {}, { status: 500 }] } } }
      - { send: GET /livez, throughout: 5s, expect: { status: 200 } }
      - { send: GET /orders/1, expect: { body_schema: harness.schema.json, json: { order: "2" } } }
      - { send: GET /health, expect: { json: {} } }
      - { grpc: Check, client: grpc_health_probe, service: nobody, expect: { code: NOT_FOUND } }
      - { burst: { requests: 4, grpc: Check, service: nobody } }
      - { burst: { requests: 4, grpc: Check, answers: { SERVING: 3, UNAVAILABLE: { at_least: 1 } } } }
      - { send: POST /grpc.health.v1.Health/Check, version: "2", headers: { content-type: application/grpc, te: trailers }, body_pieces: [AA==, AAAAAA==], pause: 100ms, expect: { took: { at_most: 90ms } } }
    metrics: { no_such_metric: { at_least: 1 }, envoy_server_live: null }
    log: [there is no such line]
    log_never: [answered /health]
"#;

const REPORTED: [&str; 43] = [
    "step 1 (GET /health): status: expected 503, got 200",
    "step 1 (GET /health): no_such_metric: expected 1, got nothing",
    "step 2 (GET /health): the application: expected 0 requests, got 1",
    "step 3 (GET /health): requests for /health at the application: expected 2, got 1",
    r#"step 4 (GET /health): body: expected "sick", got "ok\n""#,
    r#"step 5 (GET /health): no listener "nowhere""#,
    r#"step 6 (gRPC Check by Tonic): serving: expected ["NOT_SERVING"], got ["SERVING"]"#,
    "step 7 (gRPC Watch by Grpcio): code: expected UNIMPLEMENTED, got OK",
    "step 8 (load of 10 requests): 5 × GET /nowhere: status: expected 200, got 404",
    r#"step 9 (admin GET /ready): body: expected "DRAINING", got "LIVE\n""#,
    "step 10 (burst of 4 requests): 4 × status: expected 200, got 404",
    "step 11 (burst of 4 requests): answers with status 200: expected at most 3, got 4",
    "step 11 (burst of 4 requests): answers with status 503: expected 1, got 0",
    "step 12 (10 requests a second): answers with status 200: expected 9, got 10",
    "step 14 (10 requests a second): rate: expected 10 requests a second, got 2",
    "step 15 (GET /nowhere): status: expected 200, got 404",
    "step 15 (GET /nowhere): requests for /nowhere at the application: expected 0, got 1",
    r#"step 17 (raw): text: expected "sick", got "HTTP/1.1 200 OK"#,
    "step 17 (raw): closed: expected true, got false",
    r#"step 18 (GET /health): error: expected "certificate", got an answer with 200"#,
    "step 19 (GET /health): can't connect to 127.0.0.1",
    "step 21 (burst of 500 requests): Envoy's memory: expected 0.0 MiB more at most, got",
    "step 22 (GET /health): header age: expected at least 1, got none",
    "step 23 (wait): the dependency: expected 1 requests, got 0",
    "step 24 (set_dependency): requests for /health at the dependency: expected 1, got 0",
    "step 25 (wait): requests for /health at the dependency: expected 1, got 0",
    "step 25 (wait): requests for /health at the dependency, longest gap: expected at most 100ms, got 2",
    "step 26 (GET /health): requests for /health at the application, less than 9s after another: expected at most 0, got 1",
    "step 26 (GET /health): requests for /health at the application, shortest gap: expected at least 9s, got ",
    "step 27 (restart_dependency): the dependency was started once more",
    " of 5s: status: expected 200, got 500",
    "step 30 (GET /orders/1): body: not as in harness.schema.json: at",
    r#"step 30 (GET /orders/1): json /order: expected "2", got"#,
    "step 31 (GET /health): body: it isn't JSON",
    "step 32 (gRPC Check by GrpcHealthProbe): code: expected NOT_FOUND, got RPC_FAILURE: unknown service",
    "step 33 (burst of 4 calls): 4 × code: expected OK, got NOT_FOUND: unknown service",
    "step 34 (burst of 4 calls): answers with outcome SERVING: expected 3, got 4",
    "step 34 (burst of 4 calls): answers with outcome UNAVAILABLE: expected at least 1, got 0",
    "step 35 (POST /grpc.health.v1.Health/Check): took: expected at most 90ms, got 1",
    "metrics: no_such_metric: expected at least 1, got nothing",
    "metrics: envoy_server_live: expected nothing, got 1",
    r#"log: Envoy's log doesn't hold "there is no such line""#,
    r#"log: Envoy's log holds "answered /health""#,
];

const NOT_REFUSED: &str = r#"
scenarios:
  - { name: a_good_configuration, envoy: { file: envoy/plain.yaml }, refused: [] }
"#;

const REFUSED_FOR_ANOTHER_REASON: &str = r#"
scenarios:
  - { name: a_bad_one, envoy: { file: envoy/plain.yaml, hcm: { typo: 1 } }, refused: [speling] }
"#;

const RELOADS_GONE_WRONG: &str = r#"
scenarios:
  - name: reloads_gone_wrong
    config: { probes: [] }
    steps:
      - { reload: { config: { probes: [], counters: [] }, refused: [speling] } }
      - { reload: { config: "{ probes: }" } }
      - { reload: { config: "{ probes: }", refused: [speling] } }
"#;

/// Runs the one scenario in `text`; returns the report of its failure.
async fn report(text: &str) -> String {
    let scenarios = scenario::read(text).expect("the scenario is well written");
    let tools = Tools::from_env(env!("CARGO_BIN_EXE_testbed"));
    let failure = scenario::run(&scenarios[0], &tools).await.expect_err("this must fail");
    format!("{failure:#}")
}

#[tokio::test]
async fn every_wrong_expectation_is_reported() {
    let report = report(ALL_WRONG).await;
    for line in REPORTED {
        assert!(report.contains(line), "{line}\nis missing in\n{report}");
    }
    let faults = report.lines().filter(|line| line.starts_with("- ")).count();
    // Step 4 sends twice.
    assert_eq!(faults, REPORTED.len() + 1, "{report}");
}

#[tokio::test]
async fn a_configuration_that_is_not_refused_is_reported() {
    assert!(report(NOT_REFUSED).await.contains("refused: Envoy took this configuration"));
}

#[tokio::test]
async fn a_refusal_for_another_reason_is_reported() {
    let report = report(REFUSED_FOR_ANOTHER_REASON).await;
    assert!(report.contains(r#"refused: Envoy's log doesn't hold "speling""#), "{report}");
}

#[tokio::test]
async fn a_reload_that_goes_another_way_is_reported() {
    let report = report(RELOADS_GONE_WRONG).await;
    for line in [
        "step 1 (reload): refused: Envoy took this configuration",
        "step 2 (reload): Envoy refused this configuration",
        r#"step 3 (reload): Envoy's log doesn't hold "speling""#,
    ] {
        assert!(report.contains(line), "{line}\nis missing in\n{report}");
    }
}
