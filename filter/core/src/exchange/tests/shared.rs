//! What of a request and its answer is for everyone, and where a fetch goes.

use super::*;
use crate::exchange::decision::Decision;
use crate::guards::sharing::DROPPED;
use crate::state::Context;
#[cfg(all(target_arch = "wasm32", target_os = "unknown"))]
use wasm_bindgen_test::wasm_bindgen_test as test;

const LIMIT: &str = r#""match":{"path":"/h"},"limit":{"rate":"2/m"}"#;

/// The application answers with this body.
fn says(proxy: &Proxy, exchange: &mut Exchange, response: Response, body: &str) {
    exchange.on_response_headers(&response, Context::at(&proxy.store, proxy.now), false);
    exchange.on_response_body(|| body.into(), Context::at(&proxy.store, proxy.now), true);
    proxy.ends(exchange, None);
}

fn ok() -> Response {
    Response::status("200")
}

#[test]
fn a_fetch_carries_nothing_that_tells_who_asks() {
    let request = FakeRequest::new("GET", "/h?exclude=db").with("x-request-id", "1");
    let request = DROPPED.iter().fold(request, |request, name| request.with(name, "mine"));
    let (_, edits) = Proxy::with_probe(CACHE).forwards(&request);
    assert_eq!(value(&edits, ":path"), Some("/h"));
    assert_eq!(edits.remove, DROPPED);
}

#[test]
fn a_request_with_headers_of_its_own_passes_the_cache_as_it_is() {
    let mut proxy = Proxy::with_probe(CACHE);
    let own = || FakeRequest::new("HEAD", "/h?a").with("x-api-key", "mine").with("accept", "a/b");
    let (mut exchange, edits) = proxy.forwards(&own());
    assert_eq!([value(&edits, ":path"), value(&edits, ":method")], [None, None]);
    assert_eq!(edits.remove, [""; 0]);
    says(&proxy, &mut exchange, ok(), "secret");
    let (mut exchange, _) = proxy.forwards(&get());
    says(&proxy, &mut exchange, ok(), "public");
    let (mut exchange, _) = proxy.forwards(&own());
    assert_eq!(
        proxy.ends_with(&mut exchange, "result=.="),
        ["bypassed;.;heartbeat_cache_total"],
        "though there is an answer"
    );
    assert_eq!(text(&proxy.replies(&get()).body), "public");
}

#[test]
fn a_header_that_the_rule_asks_for_is_that_of_all_its_probes() {
    let rule =
        r#""match":{"path":"/h","headers":[{"name":"x-check","exact":"deep"}]},"action":"cache""#;
    let mut proxy = Proxy::with_probe(rule);
    let deep = || get().with("x-check", "deep");
    let (mut exchange, edits) = proxy.forwards(&deep());
    assert_eq!(edits.remove, [""; 0], "so it goes along");
    says(&proxy, &mut exchange, ok(), "well");
    proxy.replies(&deep());
    proxy.forwards(&deep().with("x-check", "and more"));
}

#[test]
fn plain_http_has_an_answer_of_its_own() {
    let mut proxy = Proxy::with_probe(CACHE);
    let (mut exchange, _) = proxy.forwards(&get().with("x-forwarded-proto", "http"));
    says(&proxy, &mut exchange, Response::status("403"), "over TLS, please");
    proxy.forwards(&get().with("x-forwarded-proto", "https"));
    let (mut exchange, _) = proxy.forwards(&get().with("x-forwarded-proto", "gopher"));
    assert_eq!(proxy.ends_with(&mut exchange, "result=.="), ["bypassed;.;heartbeat_cache_total"]);
}

#[test]
fn an_answer_that_its_application_does_not_share_is_not_kept() {
    for (name, said, kept) in [
        ("cache-control", "no-store", false),
        ("cache-control", "max-age=0, Private=\"x\"", false),
        ("cache-control", "no-cache, max-age=0", true),
        ("vary", "*", false),
        ("vary", "Origin, User-Agent", false),
        ("vary", "x-forwarded-proto", false),
        ("vary", "Accept-Encoding, Origin, Cookie", true),
    ] {
        let ignoring = CACHE.replace("9s\"", &format!("9s\",\"ignore_headers\":[{name:?}]"));
        for (rule, kept) in [(CACHE, kept), (&ignoring, true)] {
            let mut proxy = Proxy::with_probe(rule);
            let (mut exchange, _) = proxy.forwards(&get());
            says(&proxy, &mut exchange, ok().with(name, said), "mine");
            let decision = proxy.arrives(&get()).1;
            assert_eq!(matches!(decision, Decision::Reply(_)), kept, "{name}: {said}");
        }
    }
}

fn canary() -> FakeRequest {
    FakeRequest::new("GET", "/h?canary").with("cluster", "canary").with("route", "canary")
}

fn from_stable() -> Response {
    ok().with("cluster", "stable").with("route", "all")
}

fn from_canary() -> Response {
    Response::status("503").with("cluster", "canary").with("route", "canary")
}

#[test]
fn an_answer_from_another_route_is_nobodys() {
    let mut proxy = Proxy::with_probe(CACHE);
    let (mut fetch, _) = proxy.forwards(&canary());
    let (mut second, decision) = proxy.arrives(&canary());
    assert_eq!(decision, Decision::Wait);
    let (mut third, _) = proxy.arrives(&canary());
    says(&proxy, &mut fetch, from_stable(), "well");
    // One looks whether it was the markers.
    let decision = second.on_wake(&canary(), Context::at(&proxy.store, proxy.now));
    assert!(matches!(&decision, Decision::Forward(edits) if value(edits, ":path").is_none()));
    assert_eq!(third.on_wake(&canary(), Context::at(&proxy.store, proxy.now)), Decision::Wait);
    second.on_response_headers(&from_canary(), Context::at(&proxy.store, proxy.now), false);
    assert!(second.take_signals().log[0].contains(r#"cluster "canary", route "canary""#));
    // And all others pass as they are, for long.
    let decision = third.on_wake(&canary(), Context::at(&proxy.store, proxy.now));
    assert!(matches!(&decision, Decision::Forward(edits) if value(edits, ":path").is_none()));
    for _ in 0..500 {
        proxy.now = proxy.now + SECOND;
        let (mut exchange, edits) = proxy.forwards(&canary());
        assert_eq!(value(&edits, ":path"), None);
        says(&proxy, &mut exchange, from_canary(), "dead");
    }
}

#[test]
fn a_route_that_takes_all_marked_probes_is_where_their_answers_come_from() {
    let mut proxy = Proxy::with_probe(CACHE);
    let request = || FakeRequest::new("GET", "/h?a").with("cluster", "app").with("route", "all");
    let marked = || ok().with("cluster", "app_probes").with("route", "probes");
    let (mut first, _) = proxy.forwards(&request());
    says(&proxy, &mut first, marked(), "well");
    let (mut scout, edits) = proxy.forwards(&request());
    assert_eq!(value(&edits, ":path"), None, "it passes as it is");
    says(&proxy, &mut scout, marked(), "mine");
    assert!(scout.take_signals().log.is_empty());
    for _ in 0..3 {
        let (mut fetch, edits) = proxy.forwards(&request());
        assert_eq!(value(&edits, ":path"), Some("/h"));
        says(&proxy, &mut fetch, marked(), "well");
        assert_eq!(text(&proxy.replies(&request()).body), "well");
        proxy.now = proxy.now + 2 * SECOND;
    }
}

#[test]
fn a_scout_that_does_not_come_back_is_followed_by_another() {
    let mut proxy = Proxy::with_probe(CACHE);
    let (mut fetch, _) = proxy.forwards(&canary());
    says(&proxy, &mut fetch, from_stable(), "well");
    let (mut scout, _) = proxy.forwards(&canary());
    let (mut next, decision) = proxy.arrives(&canary());
    assert_eq!(decision, Decision::Wait);
    proxy.ends(&mut scout, None);
    assert!(matches!(
        next.on_wake(&canary(), Context::at(&proxy.store, NOW)),
        Decision::Forward(_)
    ));
}

#[test]
fn routes_have_answers_of_their_own() {
    let mut proxy = Proxy::with_probe(CACHE);
    let (mut exchange, _) = proxy.forwards(&get().with("route", "a"));
    says(&proxy, &mut exchange, ok().with("route", "a"), "well");
    proxy.replies(&get().with("route", "a"));
    proxy.forwards(&get().with("route", "b"));
}

#[test]
fn within_the_limit_a_request_is_not_changed() {
    let markers = |edits: HeaderEdits| edits.set.iter().map(|(name, _)| *name).collect::<Vec<_>>();
    let own = || FakeRequest::new("HEAD", "/h?a").with("authorization", "mine").with("range", "x");
    let (_, plain) = Proxy::with_probe(HTTP).forwards(&own());
    let (_, limited) = Proxy::with_probe(LIMIT).forwards(&own());
    assert_eq!(limited.remove, plain.remove);
    assert_eq!(markers(limited), markers(plain));
    let hasty = get().with("x-envoy-upstream-rq-timeout-ms", "100");
    let (_, edits) = Proxy::with_probe(LIMIT).forwards(&hasty);
    assert_eq!(value(&edits, "x-envoy-upstream-rq-timeout-ms"), Some("100"));
}

/// What is given beyond the limit, once these have been answered.
fn last_answer(answers: [(FakeRequest, Response, &str); 2]) -> (u16, String) {
    let mut proxy = Proxy::with_probe(LIMIT);
    for (request, response, body) in answers {
        let (mut exchange, _) = proxy.forwards(&request);
        says(&proxy, &mut exchange, response, body);
    }
    let reply = proxy.replies(&get());
    (reply.status, text(&reply.body).to_owned())
}

#[test]
fn of_what_is_not_for_everyone_only_the_status_is_shown() {
    let known = || (get(), ok(), "well");
    let down = || Response::status("503");
    for (request, response) in [
        (get().with("authorization", "mine"), down()),
        (get().with("x-api-key", "mine"), down()),
        (FakeRequest::new("GET", "/h?verbose"), down()),
        (FakeRequest::new("HEAD", "/h"), down()),
        (get(), down().with("cache-control", "private")),
        (get(), down().with("content-encoding", "gzip")),
    ] {
        assert_eq!(last_answer([known(), (request, response, "secret")]), (503, String::new()));
    }
    let again = (FakeRequest::new("GET", "/h?verbose"), ok(), "secret");
    assert_eq!(last_answer([known(), again]), (200, "well".into()), "it says the same");
    let large = "x".repeat(65 * 1_024);
    assert_eq!(last_answer([known(), (get(), down(), &large)]), (503, String::new()));
}

#[test]
fn what_a_client_brings_about_is_no_last_answer() {
    let hasty = get().with("x-envoy-upstream-rq-timeout-ms", "1");
    for (request, response) in [
        (get(), Response::status("403")),
        (get(), Response::status("404")),
        (get(), Response::status("304")),
        (get(), Response::status("206")),
        (get(), Response::status("429").because("rate_limited")),
        (hasty, Response::status("504").because("response_timeout")),
    ] {
        assert_eq!(last_answer([(get(), ok(), "well"), (request, response, "")]).0, 200);
    }
}
