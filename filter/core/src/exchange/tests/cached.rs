//! One answer for everyone.

use super::*;
use crate::base::environment::Environment;
use crate::exchange::decision::Decision;
use crate::state::Context;
#[cfg(all(target_arch = "wasm32", target_os = "unknown"))]
use wasm_bindgen_test::wasm_bindgen_test as test;

#[test]
fn one_probe_fetches_the_others_wait_and_all_get_its_answer() {
    let mut proxy = Proxy::with_probe(CACHE);
    let (mut first, _) = proxy.forwards(&get());
    let (mut second, decision) = proxy.arrives(&get());
    assert_eq!(decision, Decision::Wait);
    assert_eq!(second.on_wake(&get(), Context::at(&proxy.store, NOW)), Decision::Wait);
    well(&proxy, &mut first);
    match second.on_wake(&get(), Context::at(&proxy.store, NOW)) {
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
    proxy.now = proxy.now + SECOND - 1;
    let reply = proxy.replies(&get());
    assert_eq!(reply.details, "heartbeat_cached");
    assert!(reply.headers.pairs().values("content-type").eq([b"text/plain"]));
    assert!(reply.headers.pairs().values("age").eq([b"0"]));
}

#[test]
fn who_has_waited_gets_the_answer_though_it_has_expired_meanwhile() {
    let mut proxy = Proxy::with_probe(CACHE);
    let (mut first, _) = proxy.forwards(&get());
    let (mut second, _) = proxy.arrives(&get());
    well(&proxy, &mut first);
    let late = NOW + 20 * SECOND;
    assert!(
        matches!(second.on_wake(&get(), Context::at(&proxy.store, late)), Decision::Reply(reply) if reply.status == 200)
    );
}

#[test]
fn a_refresh_that_ends_without_an_answer_is_taken_over() {
    let mut proxy = Proxy::with_probe(CACHE);
    let (mut first, _) = proxy.forwards(&get());
    let (mut second, _) = proxy.arrives(&get());
    proxy.ends(&mut first, None);
    assert!(matches!(second.on_wake(&get(), Context::at(&proxy.store, NOW)), Decision::Forward(_)));
}

#[test]
fn an_answer_that_breaks_off_is_not_kept() {
    let mut proxy = Proxy::with_probe(CACHE);
    let (mut first, _) = proxy.forwards(&get());
    first.on_response_headers(&Response::status("200"), Context::at(&proxy.store, NOW), false);
    first.on_response_body(|| b"wel".to_vec(), Context::at(&proxy.store, NOW), false);
    proxy.ends(&mut first, None);
    proxy.forwards(&get());
}

#[test]
fn who_waits_too_long_is_told_so() {
    let mut proxy = Proxy::with_probe(CACHE);
    proxy.forwards(&get());
    let (mut second, _) = proxy.arrives(&get());
    assert_eq!(
        second.on_wake(&get(), Context::at(&proxy.store, NOW + 3 * SECOND - 1)),
        Decision::Wait
    );
    match second.on_wake(&get(), Context::at(&proxy.store, NOW + 3 * SECOND)) {
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
    proxy.now = proxy.now + 2 * SECOND;
    let (mut exchange, _) = proxy.forwards(&get());
    let edits =
        exchange.on_response_headers(&unreachable(), Context::at(&proxy.store, proxy.now), false);
    assert_eq!(value(&edits, ":status"), Some("200"));
    assert_eq!(value(&edits, "age"), Some("2"));
    assert!(edits.remove.contains(&"content-length"));
    let piece = exchange.on_response_body(
        || b"upstream connect".to_vec(),
        Context::at(&proxy.store, proxy.now),
        false,
    );
    assert_eq!(piece, BodyEdit::Replace(vec![]));
    let piece = exchange.on_response_body(
        || b" error".to_vec(),
        Context::at(&proxy.store, proxy.now),
        true,
    );
    assert_eq!(piece, BodyEdit::Replace(b"well".to_vec()));
    assert_eq!(proxy.ends(&mut exchange, None), "cached");
}

#[test]
fn nothing_covers_it_for_longer_than_it_may() {
    let mut proxy = Proxy::with_probe(CACHE);
    let (mut exchange, _) = proxy.forwards(&get());
    well(&proxy, &mut exchange);
    proxy.now = proxy.now + 10 * SECOND;
    let (mut exchange, _) = proxy.forwards(&get());
    let edits =
        exchange.on_response_headers(&unreachable(), Context::at(&proxy.store, proxy.now), false);
    assert_eq!(value(&edits, ":status"), None);
    assert_eq!(value(&edits, "x-heartbeat-status"), Some("not-ready"));
}

#[test]
fn a_head_is_sent_on_as_a_get_and_answered_without_a_body() {
    let mut proxy = Proxy::with_probe(CACHE);
    let (mut exchange, edits) = proxy.forwards(&FakeRequest::new("HEAD", "/h"));
    assert_eq!(value(&edits, ":method"), Some("GET"));
    exchange.on_response_headers(&Response::status("200"), Context::at(&proxy.store, NOW), false);
    let piece =
        exchange.on_response_body(|| b"well".to_vec(), Context::at(&proxy.store, NOW), true);
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
    exchange.on_response_headers(&Response::status("200"), Context::at(&proxy.store, NOW), false);
    exchange.on_response_body(|| b"well".to_vec(), Context::at(&proxy.store, NOW), false);
    exchange.on_response_trailers(Context::at(&proxy.store, NOW), || None);
    assert_eq!(text(&proxy.replies(&get()).body), "well");
}

#[test]
fn a_fetch_that_fails_fails_for_all_who_wait() {
    let mut proxy = Proxy::with_probe(CACHE);
    let (mut first, _) = proxy.forwards(&get());
    let (mut second, _) = proxy.arrives(&get());
    proxy.answered(&mut first, &unreachable());
    match second.on_wake(&get(), Context::at(&proxy.store, NOW)) {
        Decision::Reply(reply) => {
            assert_eq!((reply.status, reply.details), (503, "heartbeat_cache_unreachable"));
        }
        other => panic!("{other:?}"),
    }
    assert_eq!(proxy.ends(&mut second, None), "fail");
    proxy.now = proxy.now + 1;
    proxy.forwards(&get());
}

#[test]
fn an_error_without_a_body_is_not_covered_by_half_an_answer() {
    let mut proxy = Proxy::with_probe(CACHE);
    let (mut exchange, _) = proxy.forwards(&get());
    well(&proxy, &mut exchange);
    proxy.now = proxy.now + 2 * SECOND;
    let (mut exchange, _) = proxy.forwards(&get());
    let edits =
        exchange.on_response_headers(&unreachable(), Context::at(&proxy.store, proxy.now), true);
    assert_eq!(value(&edits, ":status"), None);
    let (mut exchange, _) = proxy.forwards(&FakeRequest::new("HEAD", "/h"));
    let edits =
        exchange.on_response_headers(&unreachable(), Context::at(&proxy.store, proxy.now), true);
    assert_eq!(value(&edits, ":status"), Some("200"), "which has none either");
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
    let other = Environment { plugin: "other".into(), ..Environment::default() };
    let config = format!(r#"{{"probes":[{{"name":"p",{CACHE}}}]}}"#);
    proxy.policy = Policy::from_bytes(config.as_bytes(), &other).unwrap();
    proxy.forwards(&get());
}

#[test]
fn hosts_share_an_answer_where_the_rule_says_so() {
    let mut proxy = Proxy::with_probe(&CACHE.replace(r#""ttl""#, r#""key":["path"],"ttl""#));
    let (mut exchange, _) = proxy.forwards(&get().with(":authority", "a"));
    well(&proxy, &mut exchange);
    assert_eq!(proxy.replies(&get().with(":authority", "b")).details, "heartbeat_cached");
    proxy.forwards(&get().with(":authority", "b").with("cluster", "other"));
}

#[test]
fn an_answer_for_everyone_is_not_bounded_by_the_deadline_of_one() {
    let hasty = get().with("x-envoy-upstream-rq-timeout-ms", "1");
    let (_, edits) = Proxy::with_probe(CACHE).forwards(&hasty);
    assert_eq!(value(&edits, "x-envoy-upstream-rq-timeout-ms"), Some("3000"));
}

/// What the cache did for a probe that ends now.
fn result(proxy: &Proxy, exchange: &mut Exchange) -> Vec<String> {
    proxy.ends_with(exchange, "result=.=")
}

#[test]
fn what_the_cache_did_is_counted_once_for_each_probe() {
    let mut proxy = Proxy::with_probe(CACHE);
    let (mut first, _) = proxy.forwards(&get());
    let (mut second, _) = proxy.arrives(&get());
    let (mut gone, _) = proxy.arrives(&get());
    well(&proxy, &mut first);
    second.on_wake(&get(), Context::at(&proxy.store, NOW));
    assert_eq!(result(&proxy, &mut first), ["fetched;.;heartbeat_cache_total"]);
    assert_eq!(result(&proxy, &mut second), ["waited;.;heartbeat_cache_total"]);
    assert_eq!(result(&proxy, &mut gone), ["waited;.;heartbeat_cache_total"]);
    let (mut third, _) = proxy.arrives(&get());
    assert_eq!(result(&proxy, &mut third), ["fresh;.;heartbeat_cache_total"]);
    proxy.now = proxy.now + 2 * SECOND;
    let (mut fourth, _) = proxy.forwards(&get());
    let (mut fifth, _) = proxy.arrives(&get());
    assert_eq!(result(&proxy, &mut fifth), ["stale;.;heartbeat_cache_total"]);
    assert_eq!(result(&proxy, &mut fourth), ["fetched;.;heartbeat_cache_total"]);
}

#[test]
fn who_takes_over_a_fetch_has_fetched() {
    let mut proxy = Proxy::with_probe(CACHE);
    let (mut first, _) = proxy.forwards(&get());
    let (mut second, _) = proxy.arrives(&get());
    proxy.ends(&mut first, None);
    second.on_wake(&get(), Context::at(&proxy.store, NOW));
    assert_eq!(result(&proxy, &mut second), ["fetched;.;heartbeat_cache_total"]);
}

#[test]
fn of_a_probe_that_the_cache_has_no_say_in_nothing_is_counted() {
    let mut proxy = Proxy::with_probe(CACHE);
    let (mut post, _) = proxy.arrives(&FakeRequest::new("POST", "/h"));
    assert_eq!(result(&proxy, &mut post), [""; 0]);
}
