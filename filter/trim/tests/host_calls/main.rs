//! What each kind of request costs in crossings between Envoy and a module, held
//! line by line: a callback or a host call more fails here first.
//!
//! The built modules run in an interpreter, with a host that behaves as Envoy does
//! and notes what is asked of it.

#![allow(clippy::indexing_slicing, clippy::panic, clippy::unwrap_used)] // Its functions are those of tests, too.

mod budget;
mod envoy;
mod host;
mod hub;
mod queues;
mod requests;
mod trace;
mod worker;

use budget::hold;
use requests::{announcing, call, get, post, responder, with};
use worker::{Request, Served, Worker};

/// Serves a request of a kind that the worker has served before: the first ones
/// make what the later ones find.
fn settled(plugin_config: &str, request: &Request) -> Served {
    let mut worker = Worker::start(plugin_config).unwrap();
    for _ in 0..3 {
        worker.serve(request).unwrap();
    }
    worker.serve(request).unwrap()
}

#[test]
fn an_ordinary_request_costs_one_read_and_no_write() {
    hold("ordinary_get", &settled("", &get("/orders/17")).trace);
}

#[test]
fn headers_come_into_the_memory_that_the_last_ones_had() {
    let mut worker = Worker::start("").unwrap();
    let mut room = |size| {
        let request = with(get("/orders"), "x-large", &"x".repeat(size));
        worker.serve(&request).unwrap().rooms[0]
    };
    let kept = room(4_000);
    assert_eq!([40, 4_000, 400].map(&mut room), [kept; 3]);
    // What is more than is kept doesn't fit, and can't take the place of what is.
    assert_ne!(room(9_000), kept);
    assert_eq!(room(40), kept);
}

#[test]
fn an_ordinary_body_is_not_looked_at() {
    hold("ordinary_post", &settled("", &post("/orders")).trace);
}

#[test]
fn an_ordinary_call_costs_what_an_ordinary_request_does() {
    hold("ordinary_grpc", &settled("", &call("/shop.Orders/Get")).trace);
}

const COUNTER: &str = r#"{ "counters": [ { "name": "paid_total",
    "when": { "request": { "headers": [ { "name": "x-payment-id", "present": true } ] },
              "response": { "status": ["200"] } },
    "labels": { "kind": { "request_header": "x-kind", "values": ["retail", "wholesale"] } } } ] }"#;

#[test]
fn a_counter_costs_others_the_one_header_that_rules_them_out() {
    hold("counter_no_match", &settled(COUNTER, &get("/orders/17")).trace);
}

#[test]
fn a_counter_reads_what_its_rule_names_and_counts_once() {
    let request = with(with(get("/pay"), "x-payment-id", "7"), "x-kind", "retail");
    hold("counter_match", &settled(COUNTER, &request).trace);
}

const RESPOND: &str =
    r#"{ "probes": [ { "name": "up", "match": { "path": "/up" }, "action": "respond" } ] }"#;

#[test]
fn respond_answers_without_the_application() {
    let served = settled(RESPOND, &get("/up"));
    assert_eq!(served.reply.map(|reply| reply.status), Some(200));
    hold("respond", &served.trace);
}

#[test]
fn a_page_tells_wall_time_which_is_read_once_a_second() {
    let mut worker = Worker::start(RESPOND).unwrap();
    let mut ask = |waited, wall: Option<u64>| {
        worker.wait(waited);
        wall.into_iter().for_each(|wall| worker.set_wall_time(wall));
        let served = worker.serve(&get("/up")).unwrap();
        let reads = served.trace.to_string().matches("get_current_time").count();
        (String::from_utf8(served.body).unwrap(), reads)
    };
    assert!(ask(0, None).0.contains("2023-11-14T22:13:20.000Z"));
    let later = ask(900_000_000, None);
    assert!(later.0.contains("2023-11-14T22:13:20.900Z") && later.1 == 0, "{later:?}");
    let set = ask(200_000_000, Some(86_400_000_000_000));
    assert!(set.0.contains("1970-01-02T00:00:00.000Z") && set.1 == 1, "{set:?}");
}

const CACHE: &str =
    r#"{ "probes": [ { "name": "lb", "match": { "path": "/lb" }, "action": "cache" } ] }"#;

#[test]
fn a_cached_answer_costs_one_read_of_shared_data() {
    let served = settled(CACHE, &get("/lb"));
    assert!(served.reply.is_some());
    assert_eq!(served.body, b"hello");
    hold("cache_hit", &served.trace);
}

#[test]
fn a_cached_answer_is_fetched_once_for_all() {
    let mut worker = Worker::start(CACHE).unwrap();
    let request = announcing(get("/lb"));
    for _ in 0..3 {
        worker.serve(&request).unwrap();
        worker.wait(2_000_000_000);
    }
    let served = worker.serve(&request).unwrap();
    assert!(served.reply.is_none());
    hold("cache_fetch", &served.trace);
    assert!(worker.serve(&get("/lb")).unwrap().reply.is_some());
}

#[test]
fn a_forwarded_probe_costs_its_marks_and_one_read_of_shared_data() {
    let served = settled("", &announcing(get("/health")));
    assert!(served.reply.is_none());
    assert!(served.request.iter().any(|(name, _)| name == "connection"));
    assert!(served.request.iter().any(|(name, _)| name == "x-heartbeat-probe"));
    assert!(served.response.iter().any(|(name, _)| name == "x-heartbeat-status"));
    hold("forward", &served.trace);
}

#[test]
fn a_forwarded_call_is_judged_by_its_message() {
    hold("grpc_forward", &settled("", &call("/grpc.health.v1.Health/Check")).trace);
}

const RESPOND_TO_CALLS: &str = r#"{
    "probes": [ { "name": "grpc", "match": { "grpc": { "methods": ["Check"] } },
                  "action": "respond" } ],
    "grpc_replies": { "path": "/.heartbeat/grpc" } }"#;

#[test]
fn a_call_is_answered_by_way_of_the_responder() {
    let served = settled(RESPOND_TO_CALLS, &responder(call("/grpc.health.v1.Health/Check")));
    assert_eq!(served.body, [0, 0, 0, 0, 2, 8, 1]);
    hold("grpc_respond", &served.trace);
}

/// Nobody has an address here, so everybody is denied.
fn denying(action: &str) -> String {
    format!(
        r#"{{ "probes": [ {{ "name": "up", "match": {{ "path": "/up" }}, "action": "{action}",
            "allow": {{ "cidrs": ["127.0.0.1"], "address": "trusted", "otherwise": "deny" }} }} ] }}"#
    )
}

#[test]
fn where_a_page_shows_refusals_a_storm_of_them_costs_what_it_does_without_one() {
    let after = |action, requests| {
        let mut worker = Worker::start(&denying(action)).unwrap();
        (0..requests).for_each(|_| drop(worker.serve(&get("/up")).unwrap()));
        let served = worker.serve(&get("/up")).unwrap();
        assert_eq!(served.reply.map(|reply| reply.status), Some(403));
        served.trace.to_string()
    };
    let without = after("respond", 20);
    assert!(!without.contains("shared_data"), "{without}");
    assert_eq!(after("inspect", 20), without);
    // One that is noted: who it was, a read and a write.
    hold("inspect_refused", &settled(&denying("inspect"), &get("/up")).trace);
}

#[test]
fn requests_leave_nothing_behind_in_the_vm() {
    for (plugin_config, request) in [
        ("", get("/orders/17")),
        ("", post("/orders")),
        (COUNTER, with(get("/pay"), "x-payment-id", "7")),
        (RESPOND, get("/up")),
        (CACHE, get("/lb")),
        (&denying("inspect"), get("/up")),
        ("", get("/health")),
        ("", call("/grpc.health.v1.Health/Check")),
        (RESPOND_TO_CALLS, responder(call("/grpc.health.v1.Health/Check"))),
    ] {
        let mut worker = Worker::start(plugin_config).unwrap();
        let mut memory_after = |requests| {
            for _ in 0..requests {
                worker.serve(&request).unwrap();
            }
            worker.memory().unwrap()
        };
        let (early, late) = (memory_after(50), memory_after(1_000));
        assert_eq!(early, late, "{:?}", request.head);
    }
}
