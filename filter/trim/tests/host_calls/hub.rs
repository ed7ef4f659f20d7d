//! What requests to the hub cost.

use super::budget::hold;
use super::requests::{get, post};
use super::worker::{HUB, Request, Served, Worker};

/// Serves a request of a kind that the hub has served before.
fn settled(plugin_config: &str, request: &Request) -> Served {
    let mut worker = Worker::with(&HUB, plugin_config).unwrap();
    worker.serve(request).unwrap();
    worker.serve(request).unwrap()
}

#[test]
fn a_hub_that_is_not_at_work_says_so_at_once() {
    for request in [get("/mesh/v1/health"), post("/mesh/v1/health/events")] {
        let served = settled("{}", &request);
        let reply = served.reply.unwrap();
        assert_eq!(reply.status, 503);
        assert_eq!(served.body, br#"{"error":"the hub isn't at work yet"}"#);
        hold("hub_not_ready", &served.trace);
    }
}
