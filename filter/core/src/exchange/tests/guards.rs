//! What stands between the probers and the application.

use super::*;
#[cfg(all(target_arch = "wasm32", target_os = "unknown"))]
use wasm_bindgen_test::wasm_bindgen_test as test;

const CACHE: &str =
    r#""match":{"path":"/h"},"action":"cache","cache":{"ttl":"1s","stale_for":"9s"}"#;

/// The application answers with a body.
fn well(proxy: &Proxy, exchange: &mut Exchange) {
    let response = Response::status("200").with("content-type", "text/plain");
    exchange.on_response_headers(&response, &proxy.store, proxy.now, false);
    exchange.on_response_body(|| b"we".to_vec(), &proxy.store, proxy.now, false);
    exchange.on_response_body(|| b"ll".to_vec(), &proxy.store, proxy.now, true);
}

fn unreachable() -> Response {
    Response::status("503").because("upstream_reset_before_response_started{connection_failure}")
}

#[test]
fn one_probe_fetches_the_others_wait_and_all_get_its_answer() {
    let mut proxy = Proxy::with_probe(CACHE);
    let (mut first, _) = proxy.forwards(&get());
    let (mut second, decision) = proxy.arrives(&get());
    assert_eq!(decision, Decision::Wait);
    assert_eq!(second.on_wake(&get(), &proxy.store, NOW), Decision::Wait);
    well(&proxy, &mut first);
    match second.on_wake(&get(), &proxy.store, NOW) {
        Decision::Reply(reply) => assert_eq!(text(&reply.body), "well"),
        other => panic!("{other:?}"),
    }
    assert_eq!(proxy.ends(&mut first, None), "pass");
    assert_eq!(proxy.ends(&mut second, None), "cached");
}

#[test]
fn an_answer_is_kept_with_its_type_and_age() {
    let mut proxy = Proxy::with_probe(CACHE);
    let (mut exchange, _) = proxy.forwards(&get());
    well(&proxy, &mut exchange);
    proxy.now += SECOND - 1;
    let reply = proxy.replies(&get());
    assert_eq!(reply.details, "heartbeat_cached");
    assert!(reply.headers.contains(&("content-type", b"text/plain".to_vec())));
    assert!(reply.headers.contains(&("age", b"0".to_vec())));
}

#[test]
fn who_has_waited_gets_the_answer_though_it_has_expired_meanwhile() {
    let mut proxy = Proxy::with_probe(CACHE);
    let (mut first, _) = proxy.forwards(&get());
    let (mut second, _) = proxy.arrives(&get());
    well(&proxy, &mut first);
    let late = NOW + 20 * SECOND;
    assert!(
        matches!(second.on_wake(&get(), &proxy.store, late), Decision::Reply(reply) if reply.status == 200)
    );
}

#[test]
fn a_refresh_that_ends_without_an_answer_is_taken_over() {
    let mut proxy = Proxy::with_probe(CACHE);
    let (mut first, _) = proxy.forwards(&get());
    let (mut second, _) = proxy.arrives(&get());
    proxy.ends(&mut first, None);
    assert!(matches!(second.on_wake(&get(), &proxy.store, NOW), Decision::Forward(_)));
}

#[test]
fn an_answer_that_breaks_off_is_not_kept() {
    let mut proxy = Proxy::with_probe(CACHE);
    let (mut first, _) = proxy.forwards(&get());
    first.on_response_headers(&Response::status("200"), &proxy.store, NOW, false);
    first.on_response_body(|| b"wel".to_vec(), &proxy.store, NOW, false);
    proxy.ends(&mut first, None);
    proxy.forwards(&get());
}

#[test]
fn who_waits_too_long_is_told_so() {
    let mut proxy = Proxy::with_probe(CACHE);
    proxy.forwards(&get());
    let (mut second, _) = proxy.arrives(&get());
    assert_eq!(second.on_wake(&get(), &proxy.store, NOW + 3 * SECOND - 1), Decision::Wait);
    match second.on_wake(&get(), &proxy.store, NOW + 3 * SECOND) {
        Decision::Reply(reply) => {
            assert_eq!((reply.status, reply.details), (504, "heartbeat_cache_timeout"))
        }
        other => panic!("{other:?}"),
    }
    assert_eq!(proxy.ends(&mut second, None), "timeout");
}

#[test]
fn a_stale_answer_covers_an_application_that_cannot_be_reached() {
    let mut proxy = Proxy::with_probe(CACHE);
    let (mut exchange, _) = proxy.forwards(&get());
    well(&proxy, &mut exchange);
    proxy.now += 2 * SECOND;
    let (mut exchange, _) = proxy.forwards(&get());
    let edits = exchange.on_response_headers(&unreachable(), &proxy.store, proxy.now, false);
    assert_eq!(value(&edits, ":status"), Some("200"));
    assert_eq!(value(&edits, "age"), Some("2"));
    assert!(edits.remove.contains(&"content-length"));
    let piece =
        exchange.on_response_body(|| b"upstream connect".to_vec(), &proxy.store, proxy.now, false);
    assert_eq!(piece, BodyEdit::Replace(vec![]));
    let piece = exchange.on_response_body(|| b" error".to_vec(), &proxy.store, proxy.now, true);
    assert_eq!(piece, BodyEdit::Replace(b"well".to_vec()));
    assert_eq!(proxy.ends(&mut exchange, None), "cached");
}

#[test]
fn nothing_covers_it_for_longer_than_it_may() {
    let mut proxy = Proxy::with_probe(CACHE);
    let (mut exchange, _) = proxy.forwards(&get());
    well(&proxy, &mut exchange);
    proxy.now += 10 * SECOND;
    let (mut exchange, _) = proxy.forwards(&get());
    let edits = exchange.on_response_headers(&unreachable(), &proxy.store, proxy.now, false);
    assert_eq!(value(&edits, ":status"), None);
    assert_eq!(value(&edits, "x-heartbeat-status"), Some("not-ready"));
}

#[test]
fn a_head_is_sent_on_as_a_get_and_answered_without_a_body() {
    let mut proxy = Proxy::with_probe(CACHE);
    let (mut exchange, edits) = proxy.forwards(&FakeRequest::new("HEAD", "/h"));
    assert_eq!(value(&edits, ":method"), Some("GET"));
    exchange.on_response_headers(&Response::status("200"), &proxy.store, NOW, false);
    let piece = exchange.on_response_body(|| b"well".to_vec(), &proxy.store, NOW, true);
    assert_eq!(piece, BodyEdit::Replace(vec![]));
    assert_eq!(text(&proxy.replies(&get()).body), "well");
}

#[test]
fn an_answer_that_was_asked_for_in_another_way_is_nobody_elses() {
    let mut proxy = Proxy::with_probe(CACHE);
    for (request, whole) in [
        (FakeRequest::new("POST", "/h"), true),
        (FakeRequest::new("DELETE", "/h"), true),
        (get(), false), // with a body, which may never come
        (get().with(":authority", "x".repeat(2_000)), true),
    ] {
        let (mut exchange, decision) = proxy.arrives_with(&request, whole);
        assert!(matches!(decision, Decision::Forward(_)));
        well(&proxy, &mut exchange);
    }
    proxy.forwards(&get());
}

#[test]
fn the_fetch_for_everyone_is_nobodys_own() {
    let mut proxy = Proxy::with_probe(CACHE);
    let (_, edits) = proxy.forwards(&FakeRequest::new("GET", "/h?exclude=db"));
    assert_eq!(value(&edits, ":path"), Some("/h"));
    for header in ["authorization", "cookie", "accept-encoding", "if-none-match", "range"] {
        assert!(edits.remove.contains(&header), "{header}");
    }
}

#[test]
fn hosts_have_answers_of_their_own() {
    let mut proxy = Proxy::with_probe(CACHE);
    let (mut exchange, _) = proxy.forwards(&get().with(":authority", "evil"));
    well(&proxy, &mut exchange);
    proxy.forwards(&get().with(":authority", "shop"));
}

#[test]
fn what_says_nothing_by_itself_is_not_kept() {
    for status in ["206", "302", "304"] {
        let mut proxy = Proxy::with_probe(CACHE);
        let (mut exchange, _) = proxy.forwards(&get());
        proxy.answered(&mut exchange, &Response::status(status));
        proxy.forwards(&get());
    }
}

#[test]
fn an_answer_that_ends_with_trailers_is_kept() {
    let mut proxy = Proxy::with_probe(CACHE);
    let (mut exchange, _) = proxy.forwards(&get());
    exchange.on_response_headers(&Response::status("200"), &proxy.store, NOW, false);
    exchange.on_response_body(|| b"well".to_vec(), &proxy.store, NOW, false);
    exchange.on_response_trailers(&proxy.store, NOW);
    assert_eq!(text(&proxy.replies(&get()).body), "well");
}

/// Envoy's own error to a request that says it is gRPC.
fn unreachable_in_grpc() -> Response {
    Response::status("200")
        .with("content-type", "application/grpc")
        .with("grpc-status", "14")
        .because("upstream_reset_before_response_started{connection_failure}")
}

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
fn a_fetch_that_fails_fails_for_all_who_wait() {
    let mut proxy = Proxy::with_probe(CACHE);
    let (mut first, _) = proxy.forwards(&get());
    let (mut second, _) = proxy.arrives(&get());
    proxy.answered(&mut first, &unreachable());
    match second.on_wake(&get(), &proxy.store, NOW) {
        Decision::Reply(reply) => {
            assert_eq!((reply.status, reply.details), (503, "heartbeat_cache_unreachable"));
        }
        other => panic!("{other:?}"),
    }
    assert_eq!(proxy.ends(&mut second, None), "fail");
    proxy.now += 1;
    proxy.forwards(&get());
}

#[test]
fn an_error_without_a_body_is_not_covered_by_half_an_answer() {
    let mut proxy = Proxy::with_probe(CACHE);
    let (mut exchange, _) = proxy.forwards(&get());
    well(&proxy, &mut exchange);
    proxy.now += 2 * SECOND;
    let (mut exchange, _) = proxy.forwards(&get());
    let edits = exchange.on_response_headers(&unreachable(), &proxy.store, proxy.now, true);
    assert_eq!(value(&edits, ":status"), None);
    let (mut exchange, _) = proxy.forwards(&FakeRequest::new("HEAD", "/h"));
    let edits = exchange.on_response_headers(&unreachable(), &proxy.store, proxy.now, true);
    assert_eq!(value(&edits, ":status"), Some("200"), "which has none either");
}

#[test]
fn an_answer_that_breaks_off_is_an_error_and_the_breaker_knows_whose() {
    let breaks_off = |details| {
        let mut proxy = Proxy::with_probe(BREAKER);
        for _ in 0..2 {
            let (mut exchange, _) = proxy.forwards(&get());
            let begun = Response::status("200");
            exchange.on_response_headers(&begun, &proxy.store, NOW, false);
            let end = Response::default().because(details);
            exchange.on_end(&end, &proxy.store, NOW, || None);
            let raised = exchange.take_signals().raise;
            assert!(proxy.policy.metrics()[raised[0]].name.contains("outcome.=error;"));
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
        proxy.now += 5 * SECOND;
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
fn the_trial_of_a_breaker_is_a_whole_request() {
    let mut proxy = Proxy::with_probe(BREAKER);
    for _ in 0..2 {
        let (mut exchange, _) = proxy.forwards(&get());
        proxy.answered(&mut exchange, &unreachable());
    }
    proxy.now += 5 * SECOND;
    let (_, decision) = proxy.arrives_with(&FakeRequest::new("POST", "/h"), false);
    assert!(matches!(decision, Decision::Reply(_)));
    proxy.forwards(&get());
}

#[test]
fn a_reload_keeps_what_an_unchanged_rule_knows() {
    let mut proxy = Proxy::with_probe(CACHE);
    let (mut exchange, _) = proxy.forwards(&get());
    well(&proxy, &mut exchange);
    let reloaded = Proxy::with_probe(CACHE);
    proxy.policy = reloaded.policy;
    assert_eq!(proxy.replies(&get()).details, "heartbeat_cached");
    let changed = Proxy::with_probe(&CACHE.replace("9s", "8s"));
    proxy.policy = changed.policy;
    proxy.forwards(&get());
}

#[test]
fn two_plugins_know_nothing_of_each_other() {
    let mut proxy = Proxy::with_probe(CACHE);
    let (mut exchange, _) = proxy.forwards(&get());
    well(&proxy, &mut exchange);
    let other = Surroundings { plugin: "other".into(), ..Surroundings::default() };
    let config = format!(r#"{{"probes":[{{"name":"p",{CACHE}}}]}}"#);
    proxy.policy = Policy::from_bytes(config.as_bytes(), &other).unwrap();
    proxy.forwards(&get());
}

#[test]
fn what_a_rule_keeps_is_bounded_whatever_is_asked() {
    let mut proxy = Proxy::with_probe(&CACHE.replace("path", "path_prefix"));
    for number in 0..1_000 {
        let request = FakeRequest::new("GET", &format!("/h/{number}"));
        let (mut exchange, _) = proxy.forwards(&request);
        well(&proxy, &mut exchange);
    }
    assert!(proxy.store.keys().len() as u64 <= Cells::COUNT + 1, "and one for the cluster");
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
    exchange.on_response_headers(&unreachable(), &proxy.store, NOW, true);
    assert_eq!(proxy.replies(&get()).status, 503);
}

#[test]
fn a_rejected_probe_is_told_when_to_come_back_and_nothing_of_health() {
    let limit = r#""limit":{"rate":"1/m","burst":1,"on_limit":"reject"}"#;
    let mut proxy = Proxy::with_probe(&format!("{HTTP},{limit}"));
    proxy.forwards(&get());
    let reply = proxy.replies(&get());
    assert_eq!((reply.status, reply.details), (429, "heartbeat_limited"));
    assert!(reply.headers.contains(&("retry-after", b"60".to_vec())));
    assert!(!reply.headers.iter().any(|(name, _)| *name == "x-heartbeat-status"));
}

const BREAKER: &str = r#""match":{"path":"/h"},"breaker":{"failures":2,"open_for":"5s"}"#;

#[test]
fn an_open_breaker_spares_the_application_and_one_trial_closes_it() {
    let mut proxy = Proxy::with_probe(BREAKER);
    for _ in 0..2 {
        let (mut exchange, _) = proxy.forwards(&get());
        proxy.answered(&mut exchange, &unreachable());
    }
    let reply = proxy.replies(&get());
    assert_eq!((reply.status, reply.details), (503, "heartbeat_breaker_open"));
    proxy.now += 5 * SECOND;
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
        proxy.now += wait;
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
fn an_answer_for_everyone_is_not_bounded_by_the_deadline_of_one() {
    let hasty = get().with("x-envoy-upstream-rq-timeout-ms", "1");
    let (_, edits) = Proxy::with_probe(CACHE).forwards(&hasty);
    assert_eq!(value(&edits, "x-envoy-upstream-rq-timeout-ms"), Some("3000"));
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
fn a_cluster_that_speaks_http2_fails_one_probe_and_is_spared() {
    let mut proxy = Proxy::with_probe(HTTP);
    let (mut trial, edits) = proxy.forwards(&get());
    assert_eq!(value(&edits, "connection"), Some("close"));
    let (_, edits) = proxy.forwards(&get());
    assert_eq!(value(&edits, "connection"), None, "one tries, the others go without");
    let refused =
        Response::status("502").because("upstream_reset_before_response_started{protocol_error}");
    proxy.answered(&mut trial, &refused);
    let signals = trial.take_signals();
    assert_eq!(signals.raise.len(), 1);
    assert!(signals.log[0].contains("speaks HTTP/2"));
    let (_, edits) = proxy.forwards(&get());
    assert_eq!(value(&edits, "connection"), None);
}

#[test]
fn a_cluster_that_comes_to_speak_http2_is_spared_from_then_on() {
    let mut proxy = Proxy::with_probe(BREAKER);
    let (mut trial, _) = proxy.forwards(&get());
    well(&proxy, &mut trial);
    for _ in 0..3 {
        let (mut exchange, edits) = proxy.forwards(&get());
        if value(&edits, "connection").is_some() {
            let refused = Response::status("502")
                .because("upstream_reset_before_response_started{protocol_error}");
            proxy.answered(&mut exchange, &refused);
        }
    }
    let (_, edits) = proxy.forwards(&get());
    assert_eq!(value(&edits, "connection"), None);
}

#[test]
fn protocols_of_clients_are_told_apart_for_clusters_that_follow_them() {
    let mut proxy = Proxy::with_probe(HTTP);
    let (mut trial, _) = proxy.forwards(&get().with("protocol", "HTTP/1.1"));
    well(&proxy, &mut trial);
    let over_http2 = get().with("protocol", "HTTP/2");
    let (_trial, edits) = proxy.forwards(&over_http2);
    assert_eq!(value(&edits, "connection"), Some("close"), "a trial of its own");
    let (_, edits) = proxy.forwards(&over_http2);
    assert_eq!(value(&edits, "connection"), None);
}
