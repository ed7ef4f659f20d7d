//! How a probe ends, and what the prober is told.

use super::*;
use crate::Policy;
use crate::request::FakeRequest;
#[cfg(all(target_arch = "wasm32", target_os = "unknown"))]
use wasm_bindgen_test::wasm_bindgen_test as test;

#[derive(Default)]
struct Answer {
    headers: Vec<(&'static str, &'static str)>,
    code_details: &'static str,
}

impl Answer {
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

impl ResponseHead for Answer {
    fn header(&self, name: &str) -> Option<Vec<u8>> {
        self.headers.iter().find(|(known, _)| *known == name).map(|(_, value)| (*value).into())
    }

    fn code_details(&self) -> Option<Vec<u8>> {
        Some(self.code_details.into())
    }
}

/// A forwarded probe under the default rules.
struct Forwarded {
    policy: Policy,
    exchange: Exchange,
}

impl Forwarded {
    fn new(request: &FakeRequest) -> Self {
        let policy = Policy::from_bytes(b"", "shop").unwrap();
        let exchange = Exchange::forwarded(policy.classify(request).unwrap());
        Self { policy, exchange }
    }

    fn http() -> Self {
        Self::new(&FakeRequest::new("GET", "/health"))
    }

    fn headers(&mut self, answer: &Answer) -> Vec<String> {
        let edits = self.exchange.on_response_headers(answer);
        edits.set.into_iter().map(|(name, value)| format!("{name}: {value}")).collect()
    }

    /// The outcome that is counted when the stream ends with this trailer.
    fn ends(&self, grpc_status: Option<&str>) -> String {
        let metric = self.exchange.metric(|| grpc_status.map(Into::into));
        let name = &self.policy.metrics()[metric];
        name.split("outcome.=").nth(1).unwrap().split(';').next().unwrap().to_owned()
    }
}

const CLUSTER: &str = "x-envoy-upstream-healthchecked-cluster: shop";

#[test]
fn an_answer_from_200_to_399_passes() {
    for status in ["200", "204", "302", "399"] {
        let mut probe = Forwarded::http();
        assert_eq!(probe.headers(&Answer::status(status)), [CLUSTER, "x-heartbeat-status: ready"]);
        assert_eq!(probe.ends(None), "pass");
    }
}

#[test]
fn any_other_answer_fails_and_the_prober_is_told() {
    let fail =
        [CLUSTER, "x-envoy-immediate-health-check-fail: true", "x-heartbeat-status: not-ready"];
    for status in ["400", "404", "500", "503", "504", "199", "", "abc", "99999"] {
        let mut probe = Forwarded::http();
        assert_eq!(probe.headers(&Answer::status(status)), fail, "{status}");
        assert_eq!(probe.ends(None), "fail", "{status}");
    }
}

#[test]
fn a_degraded_application_warns_and_stays_ready() {
    let mut probe = Forwarded::http();
    let degraded = Answer::status("200").with("x-envoy-degraded", "true");
    let expected = [CLUSTER, "x-envoy-degraded: true", "x-heartbeat-status: ready"];
    assert_eq!(probe.headers(&degraded), expected);
    assert_eq!(probe.ends(None), "warn");
}

#[test]
fn only_envoys_own_504_is_a_timeout() {
    for details in ["response_timeout", "upstream_per_try_timeout"] {
        let mut probe = Forwarded::http();
        probe.headers(&Answer::status("504").because(details));
        assert_eq!(probe.ends(None), "timeout");
    }
}

#[test]
fn a_stream_that_ended_without_an_answer_is_an_error() {
    assert_eq!(Forwarded::http().ends(None), "error");
    assert_eq!(Forwarded::new(&FakeRequest::grpc("Check")).ends(None), "error");
}

#[test]
fn a_grpc_answer_is_judged_by_its_message_and_trailer() {
    for (status, outcome) in [(1, "pass"), (2, "fail")] {
        let mut probe = Forwarded::new(&FakeRequest::grpc("Check"));
        assert_eq!(probe.headers(&Answer::status("200")), [CLUSTER]);
        assert!(probe.exchange.reads_body());
        probe.exchange.on_response_body(&[0, 0, 0, 0, 2, 8, status]);
        assert_eq!(probe.ends(Some("0")), outcome);
    }
}

#[test]
fn a_grpc_failure_in_trailers_only_form_is_annotated() {
    let mut probe = Forwarded::new(&FakeRequest::grpc("Check"));
    let headers = probe.headers(&Answer::status("200").with("grpc-status", "14"));
    assert_eq!(
        headers,
        [CLUSTER, "x-envoy-immediate-health-check-fail: true", "x-heartbeat-status: not-ready"]
    );
    assert!(!probe.exchange.reads_body());
    assert_eq!(probe.ends(None), "fail");
}

#[test]
fn a_grpc_timeout_becomes_deadline_exceeded() {
    let mut probe = Forwarded::new(&FakeRequest::grpc("Check"));
    let timeout = Answer::status("200").with("grpc-status", "14").because("response_timeout");
    assert!(probe.headers(&timeout).contains(&"grpc-status: 4".to_owned()));
    assert_eq!(probe.ends(None), "timeout");
}

#[test]
fn an_answer_of_the_proxy_itself_is_not_annotated_again() {
    let policy = Policy::from_bytes(b"", "shop").unwrap();
    let found = policy.classify(&FakeRequest::new("GET", "/health")).unwrap();
    let mut exchange = Exchange::answered(found, Outcome::Pass);
    assert_eq!(exchange.on_response_headers(&Answer::status("503")), HeaderEdits::default());
    let probe = Forwarded { policy, exchange };
    assert_eq!(probe.ends(None), "pass");
}
