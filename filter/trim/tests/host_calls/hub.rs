//! What requests to the hub cost.

use super::budget::hold;
use super::requests::get;
use super::worker::{HUB, Request, Served, Worker};

const CONFIG: &str = r#"{
    "services": [ { "name": "payments", "members": [ { "id": "10.1.0.5:8080" } ] } ],
    "sources": [ { "name": "istio", "allow": { "cidrs": ["10.9.0.0/16"] }, "stale": "5s" } ],
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
