//! What requests to the hub cost.

use super::budget::hold;
use super::requests::{get, post, with};
use super::worker::{HUB, Request, Served, Worker};

const MILLISECOND: u64 = 1_000_000;
const SECOND: u64 = 1_000 * MILLISECOND;

const CONFIG: &str = r#"{
    "services": [ { "name": "payments", "members": [ { "id": "10.1.0.5:8080" } ] } ],
    "sources": [ { "name": "istio", "allow": { "cidrs": ["10.0.0.0/8"] }, "stale": "5s" } ],
    "readers": { "cidrs": ["0.0.0.0/0"] }
}"#;

/// Serves a request of a kind that the hub has served before.
fn settled(request: &Request) -> Served {
    let mut worker = Worker::with(&HUB, CONFIG).unwrap();
    worker.serve(request).unwrap();
    worker.serve(request).unwrap()
}

#[test]
fn a_hub_that_nobody_owns_says_so_at_once() {
    let served = settled(&get("/mesh/v1/ready"));
    assert_eq!(served.reply.unwrap().status, 503);
    hold("hub_not_ready", &served.trace);
}

#[test]
fn what_is_not_the_hubs_costs_a_look_at_its_head() {
    let served = settled(&get("/healthz"));
    assert!(served.reply.is_none());
    hold("hub_passed", &served.trace);
}

fn event(status: &str, stamp: u64) -> Request {
    let event = format!(
        r#"{{"instance_id":"10.1.0.5:8080","timestamp_ns":{stamp},"probe_method":"http","status":"{status}"}}"#
    );
    let request = with(post("/mesh/v1/health/events"), "content-type", "application/json");
    Request { body: event.into_bytes(), ..request }
}

fn question(version: &str) -> Request {
    let question = format!(
        r#"{{"version_info":"{version}","node":{{"id":"gateway"}},"resource_names":["payments"],"type_url":"type.googleapis.com/envoy.config.endpoint.v3.ClusterLoadAssignment"}}"#
    );
    Request { body: question.into_bytes(), ..post("/v3/discovery:endpoints") }
}

/// Time goes by, with ticks as they come.
fn wait(worker: &mut Worker, time: u64) {
    for _ in 0..time / (50 * MILLISECOND) {
        worker.wait(50 * MILLISECOND);
        worker.tick().unwrap();
        while worker.deliver("/wakes/").is_ok() {}
    }
}

/// A VM that owns the table and serves, and has published.
fn owner() -> Worker {
    let mut worker = Worker::with(&HUB, CONFIG).unwrap();
    wait(&mut worker, SECOND);
    for stamp in 1..4 {
        assert_eq!(worker.serve(&event("pass", stamp)).unwrap().reply.unwrap().status, 202);
        worker.deliver("/events").unwrap();
    }
    wait(&mut worker, 3 * SECOND);
    worker
}

fn version_of(document: &[u8]) -> String {
    let document = String::from_utf8_lossy(document);
    document.split('"').nth(3).unwrap().to_owned()
}

#[test]
fn a_post_costs_its_head_its_body_and_what_keeps_it_within_its_limits() {
    let mut worker = owner();
    // What the first of several within a moment reads the others know.
    for stamp in [10, 11] {
        let served = worker.serve(&event("pass", stamp)).unwrap();
        assert_eq!(served.reply.unwrap().status, 202);
        if stamp == 11 {
            hold("hub_post", &served.trace);
        }
        worker.deliver("/events").unwrap();
    }
    worker.serve(&event("pass", 12)).unwrap();
    hold("hub_events", &worker.deliver("/events").unwrap());
}

#[test]
fn a_change_is_published_at_once_and_answers_who_waits_for_it() {
    let mut worker = owner();
    let known = worker.serve(&question("")).unwrap();
    hold("hub_assignment", &worker.serve(&question("")).unwrap().trace);
    hold("hub_assignment_held", &worker.ask(&question(&version_of(&known.body))).unwrap());
    worker.serve(&event("fail", 10)).unwrap();
    hold("hub_change", &worker.deliver("/events").unwrap());
    hold("hub_woken", &worker.deliver("/wakes/").unwrap());
    let answered = worker.answered().unwrap();
    assert!(String::from_utf8(answered.body).unwrap().contains("UNHEALTHY"));
}

#[test]
fn whoever_asks_for_an_instance_is_answered_from_a_copy() {
    let mut worker = owner();
    let request = get("/mesh/v1/health/payments/10.1.0.5:8080");
    worker.serve(&request).unwrap();
    let served = worker.serve(&request).unwrap();
    assert_eq!(served.reply.unwrap().status, 200);
    hold("hub_instance", &served.trace);
}

#[test]
fn time_costs_a_hub_at_rest_little() {
    let mut owner = owner();
    let mut other = owner.another(&HUB, CONFIG).unwrap();
    other.tick().unwrap();
    for worker in [&mut owner, &mut other] {
        worker.wait(200 * MILLISECOND);
        worker.tick().unwrap();
    }
    for (name, worker) in [("hub_tick_owner", &mut owner), ("hub_tick_worker", &mut other)] {
        worker.wait(200 * MILLISECOND);
        hold(name, &worker.tick().unwrap());
    }
}
