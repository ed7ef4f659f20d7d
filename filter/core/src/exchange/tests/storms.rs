//! More scopes than there is room for, and strangers who make them up.

use super::*;
use crate::base::time::Instant;
use crate::exchange::decision::Decision;
use crate::guards::breaker::Breaker;
use crate::state::Cells;
#[cfg(all(target_arch = "wasm32", target_os = "unknown"))]
use wasm_bindgen_test::wasm_bindgen_test as test;

#[test]
fn what_a_rule_keeps_is_bounded_whatever_is_asked() {
    let mut proxy = Proxy::with_probe(&CACHE.replace("path", "path_prefix"));
    for number in 0..20_000 {
        let request = FakeRequest::new("GET", &format!("/h/{number}"));
        let (mut exchange, _) = proxy.forwards(&request);
        well(&proxy, &mut exchange);
    }
    assert!(proxy.store.keys().len() < 200);
    let size: usize =
        proxy.store.keys().iter().map(|key| proxy.store.read(key).unwrap().0.len()).sum();
    assert!(size < Cells::ROOM_FOR_ANSWERS, "{size}");
}

/// Strangers ask for so many hosts that nobody knows, once each.
fn made_up_hosts(proxy: &mut Proxy, count: usize) -> Vec<String> {
    let mut log = Vec::new();
    for number in 0..count {
        proxy.now = proxy.now + SECOND / 10_000;
        let (mut stranger, decision) =
            proxy.arrives(&get().with(":authority", format!("{number}.made-up")));
        if let Decision::Forward(_) = decision {
            well(proxy, &mut stranger);
        }
        log.extend(stranger.take_signals().log);
    }
    log
}

#[test]
fn strangers_hosts_dont_push_out_an_answer_that_is_asked_for_again() {
    let mut proxy = Proxy::with_probe(CACHE);
    let balancer = get().with(":authority", "shop");
    let (mut exchange, _) = proxy.forwards(&balancer);
    well(&proxy, &mut exchange);
    proxy.replies(&balancer);
    made_up_hosts(&mut proxy, 9_000);
    assert_eq!(proxy.replies(&balancer).details, "heartbeat_cached");
}

#[test]
fn an_answer_finds_room_however_many_strangers_came_before() {
    let mut proxy = Proxy::with_probe(CACHE);
    let log = made_up_hosts(&mut proxy, 9_000);
    assert_eq!(log.len(), 1, "{log:?}");
    assert!(log[0].contains(r#"write "key": ["path"]"#));
    let balancer = get().with(":authority", "shop");
    let (mut exchange, _) = proxy.forwards(&balancer);
    well(&proxy, &mut exchange);
    let results = proxy.ends_with(&mut exchange, "result=.=");
    assert_eq!(results, ["full;.;heartbeat_cache_total"]);
    assert_eq!(proxy.replies(&balancer).details, "heartbeat_cached");
}

#[test]
fn where_all_answers_are_in_use_a_probe_passes_and_the_log_says_so_once() {
    let mut proxy = Proxy::with_probe(CACHE);
    let (mut passed, mut log) = (0, 0);
    for number in 0..9_000 {
        let request = get().with(":authority", format!("{number}.real"));
        let (mut exchange, _) = proxy.forwards(&request);
        well(&proxy, &mut exchange);
        log += exchange.take_signals().log.len();
        passed += usize::from(matches!(proxy.arrives(&request).1, Decision::Forward(_)));
    }
    assert!(passed > 1_000, "{passed}");
    assert_eq!(log, 1);
}

#[test]
fn that_an_answer_cant_be_kept_is_said_once_for_a_rule_and_a_while() {
    let mut proxy = Proxy::with_probe(CACHE);
    let mut log = Vec::new();
    for number in 0..500 {
        proxy.now = proxy.now + SECOND / 25;
        let request = get().with(":authority", format!("{number}.made-up"));
        let (mut exchange, _) = proxy.forwards(&request);
        proxy.answered(&mut exchange, &Response::status("302"));
        log.extend(exchange.take_signals().log);
    }
    assert_eq!(log.len(), 2, "in twenty seconds: {log:?}");
}

#[test]
fn twenty_clusters_that_are_down_open_twenty_breakers() {
    let mut proxy = Proxy::with_probe(BREAKER);
    let requests: Vec<_> = (0..20).map(|n| get().with("cluster", format!("svc{n}"))).collect();
    for _ in 0..2 {
        for request in &requests {
            let (mut exchange, _) = proxy.forwards(request);
            proxy.answered(&mut exchange, &unreachable());
        }
    }
    for request in &requests {
        assert_eq!(proxy.replies(request).details, "heartbeat_breaker_open");
    }
}

#[test]
fn failures_too_far_apart_to_be_remembered_dont_add_up_where_room_is_short() {
    let mut breaker = Breaker::default();
    let rule = crate::guards::breaker::BreakerRule {
        failures: 2,
        open_for: std::time::Duration::from_secs(5),
    };
    breaker.record(&rule, NOW, 1, NOW, true);
    assert!(crate::state::State::expires(&breaker) > NOW + 60 * SECOND, "while it counts");
    breaker.record(&rule, NOW, 1, NOW, false);
    assert_eq!(
        crate::state::State::expires(&breaker),
        Instant::ZERO,
        "closed, it is like any new one"
    );
}

const LIMIT: &str = r#""match":{"path":"/h"},"limit":{"rate":"10/s","burst":10}"#;

/// A storm of hosts that strangers make up, once each: so many for a tenth of a second,
/// with the answers that the limit lets through.
fn storm(proxy: &mut Proxy, tenths: u64, per_tenth: u64) {
    for _ in 0..tenths * per_tenth {
        proxy.now = proxy.now + SECOND / 10 / per_tenth;
        let stranger = get().with(":authority", format!("{}.made-up", proxy.now.0));
        if let (mut exchange, Decision::Forward(_)) = proxy.arrives(&stranger) {
            well(proxy, &mut exchange);
        }
    }
}

#[test]
fn a_last_answer_stays_known_in_a_storm_of_made_up_hosts_however_long() {
    let mut proxy = Proxy::with_probe(LIMIT);
    let balancer = get().with(":authority", "shop");
    let (mut exchange, _) = proxy.forwards(&balancer);
    well(&proxy, &mut exchange);
    let from = proxy.now;
    while proxy.now < from + 3 * 3_600 * SECOND {
        // Nothing is left for it when the balancer comes.
        storm(&mut proxy, 300, 3);
        assert_eq!(proxy.replies(&balancer).details, "heartbeat_limited_last_verdict");
    }
}

#[test]
fn a_cached_answer_is_the_last_one_too_however_seldom_its_prober_comes() {
    let limited = CACHE.replace(r#""action""#, r#""limit":{"rate":"10/s"},"action""#);
    let mut proxy = Proxy::with_probe(&limited);
    let balancer = get().with(":authority", "shop");
    let (mut exchange, _) = proxy.forwards(&balancer);
    well(&proxy, &mut exchange);
    for _ in 0..10 {
        storm(&mut proxy, 1_200, 3);
        assert_eq!(proxy.replies(&balancer).details, "heartbeat_limited_last_verdict");
    }
}

#[test]
fn of_an_application_that_is_gone_a_cached_answer_is_no_last_one() {
    let limited = CACHE.replace(r#""action""#, r#""limit":{"rate":"1/m","burst":2},"action""#);
    let mut proxy = Proxy::with_probe(&limited);
    let (mut exchange, _) = proxy.forwards(&get());
    well(&proxy, &mut exchange);
    proxy.now = proxy.now + 20 * SECOND;
    let (mut exchange, _) = proxy.forwards(&get());
    proxy.answered(&mut exchange, &unreachable());
    assert_eq!(proxy.replies(&get()).status, 429);
}

#[test]
fn who_comes_in_a_storm_of_made_up_hosts_has_a_last_answer_too() {
    let mut proxy = Proxy::with_probe(LIMIT);
    storm(&mut proxy, 3_000, 3);
    let balancer = get().with(":authority", "shop");
    proxy.now = proxy.now + SECOND;
    let (mut exchange, _) = proxy.forwards(&balancer);
    well(&proxy, &mut exchange);
    storm(&mut proxy, 300, 3);
    assert_eq!(proxy.replies(&balancer).details, "heartbeat_limited_last_verdict");
}

/// Has `count` clusters of their own answer a probe; says how many of these went out with
/// `connection: close`, and what the log was told.
fn clusters_answer(proxy: &mut Proxy, count: usize, response: &Response) -> (usize, Vec<String>) {
    let (mut closing, mut log) = (0, Vec::new());
    for number in 0..count {
        let (mut exchange, edits) =
            proxy.forwards(&get().with("cluster", format!("outbound|80||svc-{number}.ns.svc")));
        closing += usize::from(value(&edits, "connection").is_some());
        proxy.answered(&mut exchange, response);
        log.extend(exchange.take_signals().log);
    }
    (closing, log)
}

#[test]
fn where_there_is_no_room_for_a_cluster_its_probes_go_without_close_and_without_a_breaker() {
    let mut proxy = Proxy::with_probe(BREAKER);
    let (_, log) = clusters_answer(&mut proxy, 30_000, &unreachable());
    assert_eq!(log.len(), 1, "{log:?}");
    assert!(log[0].starts_with("probe \"p\": there is no room for more breakers"));

    let announced = Response::status("200").with("connection", "close");
    let (_, log) = clusters_answer(&mut proxy, 30_000, &announced);
    assert_eq!(log.len(), 1, "{log:?}");
    assert!(log[0].starts_with("there is no room to learn"));
    let (closing, _) = clusters_answer(&mut proxy, 30_000, &announced);
    assert!((Cells::SCOPES..29_000).contains(&closing), "{closing}");
}

#[test]
fn where_there_is_no_room_for_a_service_it_is_limited_with_those_that_are_not_named() {
    let services: Vec<String> = (0..6_000).map(|n| format!("{n}{}", "x".repeat(900))).collect();
    let names = services.join("\",\"");
    let mut proxy = Proxy::with_probe(&format!(
        r#""match":{{"grpc":{{"services":["{names}","*"]}}}},"limit":{{"rate":"1/m"}}"#
    ));
    let mut passes =
        |service: &str| matches!(proxy.called("Check", service).1, Decision::Forward(_));
    let first = services.iter().filter(|service| passes(service)).count();
    assert!((2_000..5_000).contains(&first), "{first}");
    assert!(!passes("one that isn't named"), "their bucket is empty");
    assert!(!services.iter().any(|service| passes(service)));
}
