//! What becomes of a probe, and what its prober is told.

use super::*;
use crate::base::environment::Environment;
use crate::base::time::{Instant, Nanos};
use crate::exchange::decision::Decision;
use crate::http::edits::{BodyEdit, HeaderEdits, Reply};
use crate::http::fake::FakeRequest;
use crate::http::headers::CLIENT_OVERRIDES;
use crate::http::request::ResponseHead;
use crate::policy::Policy;
use crate::state::Context;
use crate::state::fake::FakeStore;
#[cfg(all(target_arch = "wasm32", target_os = "unknown"))]
use wasm_bindgen_test::wasm_bindgen_test as test;

mod cached;
mod calls;
mod closing;
mod given_back;
mod grpc_bridge;
mod guarded;
mod shared;
mod storms;

const SECOND: Nanos = 1_000_000_000;
const NOW: Instant = Instant(1_000 * SECOND);
const CLUSTER: &str = "x-envoy-upstream-healthchecked-cluster: shop";

/// A response in a test.
#[derive(Default)]
struct Response {
    headers: Vec<(&'static str, &'static str)>,
    code_details: &'static str,
}

impl Response {
    fn status(status: &'static str) -> Self {
        Self { headers: vec![(":status", status)], code_details: "via_upstream" }
    }

    fn with(mut self, name: &'static str, value: &'static str) -> Self {
        self.headers.push((name, value));
        self
    }

    fn because(mut self, code_details: &'static str) -> Self {
        self.code_details = code_details;
        self
    }
}

impl ResponseHead for Response {
    fn header(&self, name: &str) -> Option<Vec<u8>> {
        self.headers.iter().find(|(known, _)| *known == name).map(|(_, value)| (*value).into())
    }

    fn code_details(&self) -> Option<Vec<u8>> {
        Some(self.code_details.into())
    }

    fn cluster(&self) -> Option<Vec<u8>> {
        self.header("cluster")
    }

    fn route(&self) -> Option<Vec<u8>> {
        self.header("route")
    }
}

/// A proxy with one configuration.
struct Proxy {
    policy: Policy,
    store: FakeStore,
    now: Instant,
    probes: u64,
}

impl Proxy {
    fn new(config: &str) -> Self {
        let environment = Environment {
            service_cluster: "shop".into(),
            plugin: "hb".into(),
            ..Environment::default()
        };
        let policy = Policy::from_bytes(config.as_bytes(), &environment).unwrap();
        Self { policy, store: FakeStore::default(), now: NOW, probes: 0 }
    }

    /// With one probe, which has a name, and what `more` gives it.
    fn with_probe(more: &str) -> Self {
        Self::new(&format!(r#"{{"probes":[{{"name":"p",{more}}}]}}"#))
    }

    fn arrives(&mut self, request: &FakeRequest) -> (Exchange, Decision) {
        self.arrives_with(request, true)
    }

    fn arrives_with(&mut self, request: &FakeRequest, whole: bool) -> (Exchange, Decision) {
        self.probes += 1;
        let matched = self.policy.match_request(request).unwrap();
        let mut exchange = self.policy.exchange(matched, self.probes, self.now);
        let decision =
            exchange.on_request_headers(request, Context::at(&self.store, self.now), whole);
        (exchange, decision)
    }

    fn forwards(&mut self, request: &FakeRequest) -> (Exchange, HeaderEdits) {
        match self.arrives(request) {
            (exchange, Decision::Forward(edits)) => (exchange, edits),
            (_, other) => panic!("{other:?}"),
        }
    }

    fn replies(&mut self, request: &FakeRequest) -> Reply {
        match self.arrives(request) {
            (_, Decision::Reply(reply)) => reply,
            (_, other) => panic!("{other:?}"),
        }
    }

    /// The prober's markers on an answer without a body.
    fn answered(&self, exchange: &mut Exchange, response: &Response) -> Vec<String> {
        let edits =
            exchange.on_response_headers(response, Context::at(&self.store, self.now), true);
        edits.set.iter().map(|(name, value)| format!("{name}: {}", text(value))).collect()
    }

    /// The series that is raised when the stream ends, without what precedes `label`.
    fn ends_with(&self, exchange: &mut Exchange, label: &str) -> Vec<String> {
        let counts =
            exchange.on_end(&Response::default(), Context::at(&self.store, self.now), || None);
        let signals = exchange.take_signals();
        let raised = signals.raise.iter().map(|counter| Measurement::Add(*counter, 1));
        let names = counts.into_iter().chain(raised).map(|it| self.policy.series_of(it).0);
        names.filter_map(|name| Some(name.split_once(label)?.1.to_owned())).collect()
    }

    /// The outcome that is counted when the stream ends with this trailer.
    fn ends(&self, exchange: &mut Exchange, grpc_status: Option<&str>) -> String {
        let trailer = || grpc_status.map(Into::into);
        let counts =
            exchange.on_end(&Response::default(), Context::at(&self.store, self.now), trailer);
        self.outcome(counts)
    }

    /// The series that counts how a probe ended: one, once.
    fn counted(&self, counts: Counts) -> String {
        let series = counts.into_iter().map(|it| self.policy.series_of(it));
        let series: Vec<_> = series.filter(|(name, _)| name.contains("outcome=.=")).collect();
        let [(name, 1)] = &series[..] else { panic!("{series:?}") };
        name.clone()
    }

    /// The outcome that is counted.
    fn outcome(&self, counts: Counts) -> String {
        let series = self.counted(counts);
        series.split("outcome=.=").nth(1).unwrap().split(';').next().unwrap().to_owned()
    }
}

fn text(bytes: &[u8]) -> &str {
    std::str::from_utf8(bytes).unwrap()
}

fn value<'a>(edits: &'a HeaderEdits, name: &str) -> Option<&'a str> {
    edits.set.iter().find(|(known, _)| *known == name).map(|(_, value)| text(value))
}

const HTTP: &str = r#""match":{"path":"/h"}"#;
const GRPC: &str = r#""match":{"grpc":{}}"#;

fn get() -> FakeRequest {
    FakeRequest::new("GET", "/h")
}

const CACHE: &str =
    r#""match":{"path":"/h"},"action":"cache","cache":{"ttl":"1s","stale_for":"9s"}"#;

/// The application answers with a body.
fn well(proxy: &Proxy, exchange: &mut Exchange) {
    let response = Response::status("200").with("content-type", "text/plain");
    exchange.on_response_headers(&response, Context::at(&proxy.store, proxy.now), false);
    exchange.on_response_body(|| b"we".to_vec(), Context::at(&proxy.store, proxy.now), false);
    exchange.on_response_body(|| b"ll".to_vec(), Context::at(&proxy.store, proxy.now), true);
}

fn unreachable() -> Response {
    Response::status("503").because("upstream_reset_before_response_started{connection_failure}")
}

/// Envoy's own error to a request that says it is gRPC.
fn unreachable_in_grpc() -> Response {
    Response::status("200")
        .with("content-type", "application/grpc")
        .with("grpc-status", "14")
        .because("upstream_reset_before_response_started{connection_failure}")
}

const BREAKER: &str = r#""match":{"path":"/h"},"breaker":{"failures":2,"open_for":"5s"}"#;

#[test]
fn a_forwarded_http_probe_is_marked_and_bounded() {
    let request = CLIENT_OVERRIDES.iter().fold(get(), |request, name| request.with(name, "1"));
    let (_, edits) = Proxy::with_probe(HTTP).forwards(&request);
    let set: Vec<_> = edits.set.iter().map(|(name, value)| (*name, text(value))).collect();
    assert_eq!(
        set,
        [
            ("x-envoy-upstream-health-check", "true"),
            ("x-heartbeat-probe", "p"),
            ("x-envoy-upstream-rq-timeout-ms", "3000"),
            ("x-envoy-max-retries", "0"),
        ]
    );
    assert_eq!(edits.remove, CLIENT_OVERRIDES, "a client cannot bend the deadline");
}

#[test]
fn what_is_not_there_is_not_removed() {
    let request = get().with("x-envoy-upstream-stream-duration-ms", "1");
    let (_, edits) = Proxy::with_probe(HTTP).forwards(&request);
    assert_eq!(edits.remove, ["x-envoy-upstream-stream-duration-ms"]);
}

#[test]
fn the_timeout_is_the_rules_own() {
    for (written, expected) in [("250ms", "250"), ("1m", "60000"), ("none", "0")] {
        let mut proxy = Proxy::with_probe(&format!(r#"{HTTP},"timeout":"{written}""#));
        let (_, edits) = proxy.forwards(&get());
        assert_eq!(value(&edits, "x-envoy-upstream-rq-timeout-ms"), Some(expected));
    }
}

#[test]
fn for_grpc_the_smaller_deadline_wins() {
    for (rule, callers, expected) in [
        ("1s", "500m", "500"),
        ("1s", "5S", "1000"),
        ("none", "5S", "5000"),
        ("1s", "soon", "1000"),
        // Envoy reads 0 as no limit.
        ("1s", "1u", "1"),
        ("1s", "0n", "1"),
    ] {
        let mut proxy = Proxy::with_probe(&format!(r#"{GRPC},"timeout":"{rule}""#));
        let (_, edits) = proxy.forwards(&FakeRequest::grpc("Check").with("grpc-timeout", callers));
        assert_eq!(value(&edits, "x-envoy-upstream-rq-timeout-ms"), Some(expected), "{callers}");
    }
}

#[test]
fn for_http_the_smaller_deadline_wins_too() {
    for (rule, callers, expected) in [
        ("1s", "500", "500"),
        ("1s", "5000", "1000"),
        ("none", "5000", "5000"),
        ("1s", "0", "1000"),
        ("1s", "x", "1000"),
    ] {
        let mut proxy = Proxy::with_probe(&format!(r#"{HTTP},"timeout":"{rule}""#));
        let (_, edits) = proxy.forwards(&get().with("x-envoy-upstream-rq-timeout-ms", callers));
        assert_eq!(value(&edits, "x-envoy-upstream-rq-timeout-ms"), Some(expected), "{callers}");
    }
}

#[test]
fn retries_are_what_the_rule_says() {
    let (_, edits) = Proxy::with_probe(&format!(r#"{HTTP},"retries":2"#)).forwards(&get());
    assert_eq!(value(&edits, "x-envoy-max-retries"), Some("2"));
    assert_eq!(value(&edits, "x-envoy-retry-on"), Some("5xx"));
    let mut grpc = Proxy::with_probe(&format!(r#"{GRPC},"retries":2"#));
    let (_, edits) = grpc.forwards(&FakeRequest::grpc("Check"));
    assert_eq!(value(&edits, "x-envoy-retry-grpc-on"), Some("unavailable"));
}

#[test]
fn a_grpc_answer_is_asked_for_without_compression() {
    let call = FakeRequest::grpc("Check").with("grpc-accept-encoding", "gzip");
    let (_, edits) = Proxy::with_probe(GRPC).forwards(&call);
    assert!(edits.remove.contains(&"grpc-accept-encoding"));
}

#[test]
fn respond_answers_in_json_that_nobody_stores() {
    let reply = Proxy::with_probe(&format!(r#"{HTTP},"action":"respond""#)).replies(&get());
    assert_eq!(reply.status, 200);
    assert_eq!(text(&reply.body), r#"{"status":"ok","timestamp":"1970-01-01T00:16:40.000Z"}"#);
    assert_eq!(reply.details, "heartbeat_respond_pass");
    let headers: Vec<_> = reply
        .headers
        .pairs()
        .map(|(name, value)| format!("{}: {}", text(name), text(value)))
        .collect();
    assert_eq!(
        headers,
        [
            CLUSTER,
            "x-heartbeat-status: ready",
            "content-type: application/json",
            "cache-control: no-store",
        ]
    );
}

#[test]
fn an_answer_from_200_to_399_passes() {
    for status in ["200", "204", "302", "399"] {
        let mut proxy = Proxy::with_probe(HTTP);
        let (mut exchange, _) = proxy.forwards(&get());
        let markers = proxy.answered(&mut exchange, &Response::status(status));
        assert_eq!(markers, [CLUSTER, "x-heartbeat-status: ready"]);
        assert_eq!(proxy.ends(&mut exchange, None), "pass");
    }
}

#[test]
fn any_other_answer_fails_and_the_prober_is_told() {
    let fail =
        [CLUSTER, "x-envoy-immediate-health-check-fail: true", "x-heartbeat-status: not-ready"];
    for status in ["400", "404", "500", "503", "504", "199", "", "abc", "99999"] {
        let mut proxy = Proxy::with_probe(HTTP);
        let (mut exchange, _) = proxy.forwards(&get());
        assert_eq!(proxy.answered(&mut exchange, &Response::status(status)), fail, "{status}");
        assert_eq!(proxy.ends(&mut exchange, None), "fail", "{status}");
    }
}

#[test]
fn a_degraded_application_warns_and_stays_ready() {
    let mut proxy = Proxy::with_probe(HTTP);
    let (mut exchange, _) = proxy.forwards(&get());
    let degraded = Response::status("200").with("x-envoy-degraded", "true");
    let expected = [CLUSTER, "x-envoy-degraded: true", "x-heartbeat-status: ready"];
    assert_eq!(proxy.answered(&mut exchange, &degraded), expected);
    assert_eq!(proxy.ends(&mut exchange, None), "warn");
}

#[test]
fn an_application_that_asks_to_be_taken_out_fails() {
    let mut proxy = Proxy::with_probe(HTTP);
    let (mut exchange, _) = proxy.forwards(&get());
    let asks = Response::status("200").with("x-envoy-immediate-health-check-fail", "true");
    let markers = proxy.answered(&mut exchange, &asks);
    assert!(markers.contains(&"x-heartbeat-status: not-ready".to_owned()));
    assert_eq!(proxy.ends(&mut exchange, None), "fail");
}

#[test]
fn only_envoys_own_giving_up_is_a_timeout() {
    for details in ["response_timeout", "upstream_per_try_timeout"] {
        let mut proxy = Proxy::with_probe(HTTP);
        let (mut exchange, _) = proxy.forwards(&get());
        proxy.answered(&mut exchange, &Response::status("504").because(details));
        assert_eq!(proxy.ends(&mut exchange, None), "timeout");
    }
}

#[test]
fn a_stream_that_ended_without_an_answer_is_an_error() {
    let mut proxy = Proxy::new("");
    for request in [FakeRequest::new("GET", "/health"), FakeRequest::grpc("Check")] {
        let (mut exchange, _) = proxy.forwards(&request);
        assert_eq!(proxy.ends(&mut exchange, None), "error");
    }
}

#[test]
fn a_grpc_answer_is_judged_by_its_message_and_trailer() {
    for (status, outcome) in [(1, "pass"), (2, "fail")] {
        let mut proxy = Proxy::with_probe(GRPC);
        let (mut exchange, _) = proxy.forwards(&FakeRequest::grpc("Check"));
        let edits = exchange.on_response_headers(
            &Response::status("200"),
            Context::at(&proxy.store, NOW),
            false,
        );
        assert_eq!(edits.set.len(), 1, "the verdict is still to come");
        exchange.on_response_body(
            || vec![0, 0, 0, 0, 2, 8, status],
            Context::at(&proxy.store, NOW),
            false,
        );
        assert_eq!(proxy.ends(&mut exchange, Some("0")), outcome);
    }
}

#[test]
fn a_grpc_failure_in_trailers_only_form_is_annotated() {
    let mut proxy = Proxy::with_probe(GRPC);
    let (mut exchange, _) = proxy.forwards(&FakeRequest::grpc("Check"));
    let markers = proxy.answered(&mut exchange, &Response::status("200").with("grpc-status", "14"));
    assert!(markers.contains(&"x-heartbeat-status: not-ready".to_owned()));
    assert_eq!(proxy.ends(&mut exchange, None), "fail");
}

#[test]
fn a_grpc_timeout_becomes_deadline_exceeded() {
    let mut proxy = Proxy::with_probe(GRPC);
    let (mut exchange, _) = proxy.forwards(&FakeRequest::grpc("Check"));
    let timeout = Response::status("200").with("grpc-status", "14").because("response_timeout");
    assert!(proxy.answered(&mut exchange, &timeout).contains(&"grpc-status: 4".to_owned()));
    assert_eq!(proxy.ends(&mut exchange, None), "timeout");
}

#[test]
fn an_answer_of_the_proxy_itself_is_not_annotated_again() {
    let mut proxy = Proxy::with_probe(&format!(r#"{HTTP},"action":"respond""#));
    let (mut exchange, _) = proxy.arrives(&get());
    assert_eq!(proxy.answered(&mut exchange, &Response::status("200")), Vec::<String>::new());
    assert_eq!(proxy.ends(&mut exchange, None), "pass");
}

/// What histograms count when a probe ends after `took` nanoseconds.
fn durations(proxy: &mut Proxy, request: &FakeRequest, took: Nanos) -> Vec<(String, u64)> {
    let (mut exchange, _) = proxy.arrives(request);
    let end = proxy.now + took;
    let counts =
        exchange.on_end(&Response::default(), Context::at(&proxy.store, end), || None).into_iter();
    let counts = counts.map(|it| proxy.policy.series_of(it));
    counts.filter(|(name, _)| name.contains("duration")).collect()
}

#[test]
fn how_long_a_probe_took_is_shown_in_rounded_milliseconds() {
    let name = "probe=.=p;.;heartbeat_probe_duration_ms".to_owned();
    let mut proxy = Proxy::with_probe(HTTP);
    for (took, ms) in [(0, 0), (499_999, 0), (500_000, 1), (3 * SECOND, 3_000)] {
        assert_eq!(durations(&mut proxy, &get(), took), [(name.clone(), ms)]);
    }
}

#[test]
fn how_long_a_watch_goes_on_is_its_clients_wish() {
    let mut proxy = Proxy::with_probe(GRPC);
    assert_eq!(durations(&mut proxy, &FakeRequest::grpc("Check"), SECOND).len(), 1);
    assert_eq!(durations(&mut proxy, &FakeRequest::grpc("Watch"), SECOND), []);
}
