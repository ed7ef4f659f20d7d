//! Which probes ask the application to close the connection.

use super::*;
use crate::base::signals::Signals;
use crate::guards::upstream::Protocols;
use crate::state::Context;
#[cfg(all(target_arch = "wasm32", target_os = "unknown"))]
use wasm_bindgen_test::wasm_bindgen_test as test;

const ADMIN: &str = r#"{"probes":[{"name":"p","match":{"path":"/h"},"retries":0}],
    "admin":{"cluster":"envoy_admin"}}"#;

fn ok() -> Response {
    Response::status("200")
}

fn closing() -> Response {
    ok().with("connection", "close")
}

fn refused() -> Response {
    Response::status("502").because("upstream_reset_before_response_started{protocol_error}")
}

fn terminated() -> Response {
    Response::status("503")
        .because("upstream_reset_before_response_started{connection_termination}")
}

fn to(cluster: &str, client: &str) -> FakeRequest {
    get().with("cluster", cluster).with("protocol", client)
}

impl Proxy {
    /// Whether a probe asks; it gets this answer.
    fn asks(&mut self, request: &FakeRequest, response: &Response) -> bool {
        let (asked, _) = self.asks_and_says(request, response);
        asked
    }

    fn asks_and_says(&mut self, request: &FakeRequest, response: &Response) -> (bool, Signals) {
        let (mut exchange, edits) = self.forwards(request);
        self.answered(&mut exchange, response);
        let _ = exchange.on_end(response, Context::at(&self.store, self.now), || None);
        (value(&edits, "connection").is_some(), exchange.take_signals())
    }

    /// The admin interface is asked, and shows this of each cluster that waits to be known.
    fn is_shown(&self, protocols: Protocols) -> Vec<String> {
        let upstreams = &self.policy.evidence().upstreams;
        let waiting = upstreams.waiting(&self.store);
        let shown: Vec<_> = waiting.iter().map(|it| (it.clone(), Some(protocols))).collect();
        upstreams.learn(
            &shown,
            self.now,
            Context::at(&self.store, self.now),
            &mut Signals::default(),
        );
        waiting
    }

    fn raised(&self, signals: &Signals) -> Vec<String> {
        signals.measurements().map(|it| self.policy.series_of(it).0).collect()
    }
}

#[test]
fn nobody_asks_before_an_answer_that_only_http1_can_have() {
    for (name, value) in [("connection", "keep-alive"), ("transfer-encoding", "chunked")] {
        let mut proxy = Proxy::with_probe(HTTP);
        for _ in 0..3 {
            assert!(!proxy.asks(&get(), &ok()));
            // An answer of Envoy's own teaches nothing.
            assert!(!proxy.asks(&get(), &unreachable().with(name, value)));
        }
        assert!(!proxy.asks(&get(), &ok().with(name, value)));
        assert!(proxy.asks(&get(), &closing()), "{name}");
    }
}

#[test]
fn one_probe_tries_and_the_others_wait_for_its_answer() {
    let mut proxy = Proxy::with_probe(HTTP);
    proxy.asks(&get(), &closing());
    let (mut trial, edits) = proxy.forwards(&get());
    assert_eq!(value(&edits, "connection"), Some("close"));
    assert!(!proxy.asks(&get(), &closing()));
    proxy.answered(&mut trial, &closing());
    assert_eq!(
        proxy.raised(&trial.take_signals()),
        ["result=.=announced;.;heartbeat_connection_close_total"]
    );
    for _ in 0..3 {
        assert!(proxy.asks(&get(), &closing()));
    }
}

#[test]
fn the_close_may_be_announced_among_other_options() {
    for (announced, goes_on) in [
        ("close", true),
        ("Close", true),
        ("te, close", true),
        ("keep-alive", false),
        ("closed", false),
    ] {
        let mut proxy = Proxy::with_probe(HTTP);
        let answer = ok().with("connection", announced);
        assert!(!proxy.asks(&get(), &answer));
        assert!(proxy.asks(&get(), &answer));
        assert_eq!(proxy.asks(&get(), &answer), goes_on, "{announced}");
    }
}

#[test]
fn the_first_answer_without_a_word_ends_it_and_says_so() {
    let mut proxy = Proxy::with_probe(HTTP);
    for _ in 0..3 {
        proxy.asks(&get(), &closing());
    }
    let (asked, signals) = proxy.asks_and_says(&get(), &ok());
    assert!(asked);
    assert_eq!(proxy.raised(&signals), ["result=.=unannounced;.;heartbeat_connection_close_total"]);
    assert!(signals.log[0].contains("doesn't announce"), "{:?}", signals.log);
    for _ in 0..3 {
        assert!(!proxy.asks(&get(), &closing()), "for good");
    }
}

#[test]
fn a_protocol_error_ends_the_trial_and_is_a_slip_later() {
    let mut proxy = Proxy::with_probe(HTTP);
    proxy.asks(&get(), &closing());
    let (asked, signals) = proxy.asks_and_says(&get(), &refused());
    assert!(asked);
    assert_eq!(
        proxy.raised(&signals),
        [
            "result=.=protocol_error;.;heartbeat_connection_close_total",
            "heartbeat_http2_upstreams_total"
        ]
    );
    assert!(!proxy.asks(&get(), &closing()));

    let mut proxy = Proxy::with_probe(HTTP);
    for _ in 0..3 {
        proxy.asks(&get(), &closing());
    }
    for _ in 0..3 {
        let (asked, signals) = proxy.asks_and_says(&get(), &refused());
        assert!(asked && signals.is_empty(), "{signals:?}");
    }
}

#[test]
fn two_connections_that_end_in_a_row_end_it() {
    let mut proxy = Proxy::with_probe(HTTP);
    for _ in 0..3 {
        proxy.asks(&get(), &closing());
    }
    assert!(proxy.asks(&get(), &terminated()));
    assert!(proxy.asks(&get(), &closing()));
    assert!(proxy.asks(&get(), &terminated()));
    let (_, signals) = proxy.asks_and_says(&get(), &terminated());
    assert_eq!(proxy.raised(&signals), ["result=.=terminated;.;heartbeat_connection_close_total"]);
    assert!(!proxy.asks(&get(), &closing()));
}

#[test]
fn connections_that_end_under_probes_that_did_not_ask_say_nothing() {
    let mut proxy = Proxy::with_probe(HTTP);
    for _ in 0..3 {
        assert!(!proxy.asks(&get(), &terminated()));
    }
    proxy.asks(&get(), &closing());
    assert!(proxy.asks(&get(), &closing()));
}

#[test]
fn a_trial_without_an_answer_is_made_again() {
    let mut proxy = Proxy::with_probe(HTTP);
    proxy.asks(&get(), &closing());
    for nothing in [Response::default(), unreachable(), terminated()] {
        assert!(proxy.asks(&get(), &nothing));
    }
    assert!(proxy.asks(&get(), &closing()));
}

#[test]
fn a_trial_that_fails_opens_no_breaker() {
    for failure in [terminated(), refused()] {
        let breaker = r#""match":{"path":"/h"},"breaker":{"failures":1,"open_for":"5s"}"#;
        let mut proxy = Proxy::with_probe(breaker);
        proxy.asks(&get(), &closing());
        assert!(proxy.asks(&get(), &failure));
        proxy.forwards(&get());
    }
}

#[test]
fn what_one_protocol_of_clients_shows_says_nothing_of_others() {
    let mut proxy = Proxy::with_probe(HTTP);
    for client in ["HTTP/1.1", "HTTP/2", "HTTP/3"] {
        assert!(!proxy.asks(&to("app", client), &closing()), "{client}");
        assert!(proxy.asks(&to("app", client), &closing()));
        assert!(!proxy.asks(&to("other", client), &ok()));
    }
    assert!(proxy.asks(&to("app", "HTTP/1.0"), &closing()), "the same as HTTP/1.1");
}

#[test]
fn the_admin_interface_is_asked_about_clusters_that_probes_were_answered_by() {
    let mut proxy = Proxy::new(ADMIN);
    assert!(!proxy.asks(&to("app", "HTTP/1.1"), &unreachable()));
    assert!(proxy.is_shown(Protocols::Http1).is_empty());
    assert!(!proxy.asks(&to("app", "HTTP/1.1"), &ok()));
    assert!(!proxy.asks(&to("app", "HTTP/1.1"), &ok()));
    assert_eq!(proxy.is_shown(Protocols::Http1), ["app"]);
    assert!(proxy.asks(&to("app", "HTTP/1.1"), &closing()));
    assert!(proxy.asks(&to("app", "HTTP/1.1"), &closing()));
    assert!(proxy.is_shown(Protocols::Http1).is_empty(), "it is known");
    // Over HTTP/2 the same cluster may be spoken to in HTTP/2.
    assert!(!proxy.asks(&to("app", "HTTP/2"), &ok()));
    assert_eq!(proxy.is_shown(Protocols::Mixed), ["app"]);
    assert!(!proxy.asks(&to("app", "HTTP/2"), &ok()));
}

#[test]
fn without_an_admin_interface_nobody_is_to_ask_it() {
    let mut proxy = Proxy::with_probe(HTTP);
    proxy.asks(&to("app", "HTTP/1.1"), &ok());
    assert!(proxy.is_shown(Protocols::Http1).is_empty());
}

#[test]
fn what_was_learnt_outlives_a_new_configuration() {
    let mut proxy = Proxy::with_probe(HTTP);
    for _ in 0..3 {
        proxy.asks(&get(), &closing());
    }
    let reloaded = Proxy::with_probe(&format!(r#"{HTTP},"timeout":"1s""#));
    let mut proxy = Proxy { store: proxy.store, probes: 100, ..reloaded };
    assert!(proxy.asks(&get(), &ok()));
    assert!(!proxy.asks(&get(), &ok()));
}

#[test]
fn whoever_writes_close_always_asks_and_is_told_of_a_protocol_error_once() {
    let mut proxy = Proxy::with_probe(&format!(r#"{HTTP},"connection":"close""#));
    let mut lines = Vec::new();
    for answer in [ok(), refused(), refused(), terminated(), terminated(), ok()] {
        let (asked, signals) = proxy.asks_and_says(&to("app", "HTTP/2"), &answer);
        assert!(asked);
        lines.extend(signals.log);
    }
    assert_eq!(lines.len(), 1, "{lines:?}");
    assert!(lines[0].contains(r#"write "connection": "auto""#));
}

#[test]
fn whoever_writes_keep_never_asks_and_neither_does_grpc() {
    let mut proxy = Proxy::with_probe(&format!(r#"{HTTP},"connection":"keep""#));
    for _ in 0..3 {
        assert!(!proxy.asks(&get(), &closing()));
    }
    let (_, edits) = Proxy::with_probe(GRPC).forwards(&FakeRequest::grpc("Check"));
    assert_eq!(value(&edits, "connection"), None);
}
