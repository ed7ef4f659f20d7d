//! What the services are asked: the calls of a plan, and probes.

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::time::Duration;

use anyhow::{Context, Result};
use tokio::task::JoinSet;
use tokio::time::MissedTickBehavior;

use super::plan::{Call, Plan};
use super::service::{BROKEN, LOST, Service};
use crate::client::connection::KeepAlive;
use crate::client::http::{Request, Version};

/// From one round of probes to the next.
const PROBE_EVERY: Duration = Duration::from_millis(500);

/// How many calls come before their kinds repeat.
const ROUND: usize = 10;

/// All that goes on; it ends when this is dropped.
#[derive(Debug)]
pub struct Load {
    _tasks: JoinSet<()>,
}

impl Load {
    /// Begins.
    pub fn start(plan: &Plan, services: &BTreeMap<String, Service>) -> Result<Self> {
        let mut tasks = JoinSet::new();
        for call in &plan.calls {
            let caller = services.get(&call.from).context("a call by nobody")?;
            let pause = Duration::from_secs(1) / call.rate.max(1);
            tasks.spawn(send(caller.users, pause, requests(call)));
        }
        for service in services.values() {
            let probes = ["/health", "/readyz"].map(|path| Request::new("GET", path));
            tasks.spawn(send(service.users, PROBE_EVERY, probes.into()));
        }
        Ok(Self { _tasks: tasks })
    }
}

/// One round of calls, the failing ones evenly among the others.
fn requests(call: &Call) -> Vec<Request> {
    let failing = call.failing.min(ROUND);
    let is_failing = |number: usize| number * failing % ROUND < failing;
    let mut failures = [BROKEN, LOST].into_iter().cycle();
    (0..ROUND)
        .map(|number| match is_failing(number).then(|| failures.next()).flatten() {
            Some(path) => ("GET", path),
            None => ("POST", "/pay"),
        })
        .map(|(method, path)| {
            Request::new(method, &format!("/{}{path}", call.to))
                .header("x-payment-id", "1")
                .header("x-order-type", "retail")
        })
        .collect()
}

/// Sends these again and again, whatever the answers are.
async fn send(to: SocketAddr, pause: Duration, requests: Vec<Request>) {
    let mut connection = KeepAlive::new(Version::Http1, to.into());
    let mut ticks = tokio::time::interval(pause);
    ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
    for request in requests.iter().cycle() {
        ticks.tick().await;
        // A failure is what Prometheus is to see.
        let _ = connection.send(request).await;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn failing(of_ten: usize) -> [usize; 2] {
        let call = Call { from: "a".into(), to: "b".into(), rate: 1, failing: of_ten };
        let requests = requests(&call);
        assert_eq!(requests.len(), ROUND);
        [BROKEN, LOST].map(|path| {
            let path = format!("/b{path}");
            requests.iter().filter(|request| request.target == path).count()
        })
    }

    #[test]
    fn as_many_calls_fail_as_the_plan_says_half_of_them_without_an_answer() {
        assert_eq!(failing(0), [0, 0]);
        assert_eq!(failing(4), [2, 2]);
        assert_eq!(failing(10), [5, 5]);
        assert_eq!(failing(11), [5, 5]);
    }
}
