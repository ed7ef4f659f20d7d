//! What stands between the probers and the application: limit, breaker, allow, and
//! what is known of a cluster.

use super::*;
use crate::exchange::decision::Decision;
use crate::state::Context;
#[cfg(all(target_arch = "wasm32", target_os = "unknown"))]
use wasm_bindgen_test::wasm_bindgen_test as test;

#[test]
fn a_grpc_content_type_makes_no_dead_application_healthy() {
    for probe in [CACHE, BREAKER, r#""match":{"path":"/h"},"limit":{"rate":"1/m","burst":1}"#] {
        let mut proxy = Proxy::with_probe(probe);
        let (mut exchange, _) = proxy.forwards(&get().with("content-type", "application/grpc"));
        let markers = proxy.answered(&mut exchange, &unreachable_in_grpc());
        assert!(markers.contains(&"x-heartbeat-status: not-ready".to_owned()));
        assert_eq!(proxy.ends(&mut exchange, None), "fail");
    }
    let mut proxy = Proxy::with_probe(BREAKER);
    for _ in 0..2 {
        let (mut exchange, _) = proxy.forwards(&get());
        proxy.answered(&mut exchange, &unreachable_in_grpc());
    }
    assert_eq!(proxy.replies(&get()).details, "heartbeat_breaker_open");
}

#[test]
fn an_answer_that_breaks_off_is_an_error_and_the_breaker_knows_whose() {
    let breaks_off = |details| {
        let mut proxy = Proxy::with_probe(BREAKER);
        for _ in 0..2 {
            let (mut exchange, _) = proxy.forwards(&get());
            let begun = Response::status("200");
            exchange.on_response_headers(&begun, Context::at(&proxy.store, NOW), false);
            let end = Response::default().because(details);
            let counts = exchange.on_end(&end, Context::at(&proxy.store, NOW), || None);
            assert_eq!(proxy.outcome(counts), "error");
        }
        proxy.arrives(&get()).1
    };
    assert!(matches!(breaks_off("response_timeout"), Decision::Reply(_)));
    assert!(matches!(breaks_off("downstream_remote_disconnect"), Decision::Forward(_)));
}

#[test]
fn neither_a_client_nor_a_filter_can_open_or_close_the_breaker() {
    for (status, details) in [
        ("404", "via_upstream"),
        ("501", "via_upstream"),
        ("429", "local_rate_limited"),
        ("503", "local_rate_limited"),
        ("503", "request_rate_limited"),
        ("503", "fault_filter_abort"),
        ("500", "ext_authz_error"),
        ("503", "overload"),
        ("503", "maintenance_mode"),
        ("503", "cluster_not_found"),
        ("503", "upstream_reset_before_response_started{overflow}"),
        ("503", "upstream_reset_before_response_started{overload_manager_reset}"),
        ("503", "upstream_reset_before_response_started{local_reset}"),
        ("503", "upstream_of_somebody"),
        ("503", ""),
        ("403", "rbac_access_denied"),
    ] {
        let mut proxy = Proxy::with_probe(BREAKER);
        for _ in 0..5 {
            let (mut exchange, _) = proxy.forwards(&get());
            proxy.answered(&mut exchange, &Response::status(status).because(details));
            proxy.ends(&mut exchange, None);
        }
        for _ in 0..2 {
            let (mut exchange, _) = proxy.forwards(&get());
            proxy.answered(&mut exchange, &unreachable());
        }
        proxy.now = proxy.now + 5 * SECOND;
        let (mut trial, _) = proxy.forwards(&get());
        proxy.answered(&mut trial, &Response::status(status).because(details));
        proxy.ends(&mut trial, None);
        let (mut next, decision) = proxy.arrives(&get());
        assert!(matches!(decision, Decision::Forward(_)), "the next trial, after {details}");
        proxy.answered(&mut next, &unreachable());
        assert!(matches!(proxy.arrives(&get()).1, Decision::Reply(_)), "{details} closed it");
    }
}

#[test]
fn what_keeps_envoy_from_the_application_opens_the_breaker() {
    for details in [
        "via_upstream",
        "no_healthy_upstream",
        "response_timeout",
        "upstream_per_try_timeout",
        "upstream_per_try_idle_timeout",
        "upstream_max_stream_duration_reached",
        "upstream_reset_before_response_started{remote_connection_failure}",
        "upstream_reset_before_response_started{remote_connection_failure|delayed_connect_error:_111}",
        "upstream_reset_before_response_started{connection_failure,TLS_error}",
        "upstream_reset_before_response_started{connection_termination}",
        "upstream_reset_before_response_started{connection_timeout}",
        "upstream_reset_after_response_started{remote_reset}",
    ] {
        let mut proxy = Proxy::with_probe(BREAKER);
        for _ in 0..2 {
            let (mut exchange, _) = proxy.forwards(&get());
            proxy.answered(&mut exchange, &Response::status("503").because(details));
        }
        assert!(matches!(proxy.arrives(&get()).1, Decision::Reply(_)), "{details}");
    }
}

#[test]
fn what_says_nothing_of_a_calls_server_opens_no_breaker() {
    let mut proxy =
        Proxy::with_probe(&format!(r#"{GRPC},"breaker":{{"failures":2,"open_for":"5s"}}"#));
    for _ in 0..5 {
        let (mut exchange, _) = proxy.forwards(&FakeRequest::grpc("List"));
        let overflow = Response::status("200")
            .with("content-type", "application/grpc")
            .with("grpc-status", "14")
            .because("upstream_reset_before_response_started{overflow}");
        proxy.answered(&mut exchange, &overflow);
    }
}

#[test]
fn a_probe_with_a_body_can_close_the_breaker() {
    let mut proxy = Proxy::with_probe(BREAKER);
    for _ in 0..2 {
        let (mut exchange, _) = proxy.forwards(&get());
        proxy.answered(&mut exchange, &unreachable());
    }
    proxy.now = proxy.now + 5 * SECOND;
    let post = FakeRequest::new("POST", "/h");
    let (mut trial, decision) = proxy.arrives_with(&post, false);
    assert!(matches!(decision, Decision::Forward(_)));
    assert!(matches!(proxy.arrives_with(&post, false).1, Decision::Reply(_)));
    well(&proxy, &mut trial);
    proxy.forwards(&get());
    proxy.forwards(&get());
}

#[test]
fn beyond_the_limit_the_last_answer_is_given() {
    let limit = r#""limit":{"rate":"1/m","burst":1}"#;
    let mut proxy = Proxy::with_probe(&format!("{HTTP},{limit}"));
    let (mut exchange, _) = proxy.forwards(&get());
    assert_eq!(proxy.replies(&get()).status, 429, "none is known yet");
    well(&proxy, &mut exchange);
    let reply = proxy.replies(&get());
    assert_eq!((reply.status, text(&reply.body)), (200, "well"));
    assert_eq!(reply.details, "heartbeat_limited_last_verdict");
}

#[test]
fn the_last_answer_may_be_envoys_own_failure() {
    let limit = r#""limit":{"rate":"1/m","burst":2}"#;
    let mut proxy = Proxy::with_probe(&format!("{HTTP},{limit}"));
    let (mut exchange, _) = proxy.forwards(&get());
    well(&proxy, &mut exchange);
    let (mut exchange, _) = proxy.forwards(&get());
    exchange.on_response_headers(&unreachable(), Context::at(&proxy.store, NOW), true);
    assert_eq!(proxy.replies(&get()).status, 503);
}

#[test]
fn a_rejected_probe_is_told_when_to_come_back_and_nothing_of_health() {
    let limit = r#""limit":{"rate":"1/m","burst":1,"on_limit":"reject"}"#;
    let mut proxy = Proxy::with_probe(&format!("{HTTP},{limit}"));
    proxy.forwards(&get());
    let reply = proxy.replies(&get());
    assert_eq!((reply.status, reply.details), (429, "heartbeat_limited"));
    assert!(reply.headers.pairs().values("retry-after").eq([b"60"]));
    assert!(!text(&reply.body).contains("status"), "nor does the body");
    assert!(reply.headers.pairs().values("x-heartbeat-status").next().is_none());
}

#[test]
fn an_open_breaker_spares_the_application_and_one_trial_closes_it() {
    let mut proxy = Proxy::with_probe(BREAKER);
    for _ in 0..2 {
        let (mut exchange, _) = proxy.forwards(&get());
        proxy.answered(&mut exchange, &unreachable());
    }
    let reply = proxy.replies(&get());
    assert_eq!((reply.status, reply.details), (503, "heartbeat_breaker_open"));
    proxy.now = proxy.now + 5 * SECOND;
    let (mut trial, _) = proxy.forwards(&get());
    assert_eq!(proxy.replies(&get()).details, "heartbeat_breaker_half_open");
    well(&proxy, &mut trial);
    proxy.forwards(&get());
}

#[test]
fn the_breakers_state_is_shown_when_it_changes() {
    let mut proxy = Proxy::with_probe(BREAKER);
    let mut shown = Vec::new();
    for wait in [0, 0, 5 * SECOND] {
        proxy.now = proxy.now + wait;
        let (mut exchange, _) = proxy.forwards(&get());
        proxy.answered(&mut exchange, &unreachable());
        shown.extend(exchange.take_signals().set.into_iter().map(|(_, value)| value));
    }
    assert_eq!(shown, [0, 2, 1, 2], "closed, open, half-open, open again");
}

#[test]
fn a_client_cannot_open_the_breaker() {
    let mut proxy = Proxy::with_probe(BREAKER);
    for _ in 0..10 {
        let (mut exchange, _) = proxy.forwards(&get());
        proxy.answered(&mut exchange, &Response::status("404"));
        let (mut exchange, _) = proxy.forwards(&get());
        proxy.ends(&mut exchange, None);
        let hasty = get().with("x-envoy-upstream-rq-timeout-ms", "1");
        let (mut exchange, _) = proxy.forwards(&hasty);
        proxy.answered(&mut exchange, &Response::status("504").because("response_timeout"));
    }
    proxy.forwards(&get());
}

#[test]
fn clusters_have_breakers_of_their_own() {
    let mut proxy = Proxy::with_probe(BREAKER);
    let (a, b) = (get().with("cluster", "a"), get().with("cluster", "b"));
    for _ in 0..2 {
        let (mut exchange, _) = proxy.forwards(&a);
        proxy.answered(&mut exchange, &unreachable());
    }
    proxy.replies(&a);
    proxy.forwards(&b);
}

#[test]
fn who_is_not_allowed_is_ordinary_or_denied() {
    let rule = |more: &str| format!(r#"{HTTP},"allow":{{"cidrs":["10.0.0.0/8"]{more}}}"#);
    let inside = get().with("source.address", "10.1.2.3:4");
    let outside = get().with("source.address", "192.0.2.1:4");
    let mut proxy = Proxy::with_probe(&rule(""));
    proxy.forwards(&inside);
    assert_eq!(proxy.arrives(&outside).1, Decision::NotAProbe);
    assert_eq!(proxy.arrives(&get()).1, Decision::NotAProbe, "an address that isn't known");
    let mut proxy = Proxy::with_probe(&rule(r#","otherwise":"deny""#));
    let reply = proxy.replies(&outside);
    assert_eq!((reply.status, reply.details), (403, "heartbeat_denied"));
}

#[test]
fn an_address_that_anyone_can_forge_matches_no_cidr() {
    let rule = |address: &str| format!(r#"{HTTP},"allow":{{"cidrs":["10.0.0.0/8"]{address}}}"#);
    let forged = || get().with("source.address", "10.1.2.3:0").with("x-forwarded-for", "10.1.2.3");
    let not_a_probe = |decision| assert_eq!(decision, Decision::NotAProbe);
    not_a_probe(Proxy::with_probe(&rule("")).arrives(&forged()).1);
    Proxy::with_probe(&rule(r#","address":"trusted""#)).forwards(&forged());
    let mut proxy = Proxy::with_probe(&rule(r#","address":{"filter_state":"peer"}"#));
    let (mut first, decision) = proxy.arrives(&forged());
    not_a_probe(decision);
    assert!(first.take_signals().log[0].contains(r#"sets "peer""#));
    let (mut second, decision) = proxy.arrives(&forged());
    not_a_probe(decision);
    assert!(second.take_signals().log.is_empty(), "it is said once");
    not_a_probe(proxy.arrives(&forged().with("peer", "192.0.2.1")).1);
    proxy.forwards(&forged().with("peer", "10.1.2.3"));
}

#[test]
fn one_of_address_and_principal_is_enough() {
    let rule = format!(
        r#"{HTTP},"allow":{{"cidrs":["10.0.0.0/8"],"principals":["spiffe://example.org/*"]}}"#
    );
    let mut proxy = Proxy::with_probe(&rule);
    let outside = || get().with("source.address", "192.0.2.1:4");
    proxy.forwards(&outside().with("peer.uri_san", "spiffe://example.org/prober"));
    let stranger = outside().with("peer.uri_san", "spiffe://evil.org/prober");
    assert_eq!(proxy.arrives(&stranger).1, Decision::NotAProbe);
}

#[test]
fn it_is_counted_how_often_a_breaker_opens() {
    let mut proxy = Proxy::with_probe(BREAKER);
    let mut opened = Vec::new();
    let mut probe = |proxy: &mut Proxy, response: &Response| {
        let (mut exchange, _) = proxy.forwards(&get());
        proxy.answered(&mut exchange, response);
        let raised = proxy.ends_with(&mut exchange, "probe=.=p;.;");
        opened.push(raised.contains(&"heartbeat_breaker_opened_total".to_owned()));
    };
    probe(&mut proxy, &unreachable());
    probe(&mut proxy, &unreachable());
    proxy.now = proxy.now + 5 * SECOND;
    probe(&mut proxy, &unreachable()); // the trial
    proxy.now = proxy.now + 5 * SECOND;
    probe(&mut proxy, &Response::status("200"));
    assert_eq!(opened, [false, true, true, false]);
}
