//! A probe rule, compiled: what it does with a probe, and what it tells the prober.

use crate::config::{Action, Connection, Match, ProbeRule};
use crate::decision::{Decision, HeaderEdits, Reply};
use crate::grpc;
use crate::headers::{
    CACHE_CONTROL, CLIENT_OVERRIDES, CONNECTION, CONTENT_TYPE, DEGRADED, GRPC_ACCEPT_ENCODING,
    GRPC_TIMEOUT, IMMEDIATE_HEALTH_CHECK_FAIL, MAX_RETRIES, PROBE, RETRY_GRPC_ON, RETRY_ON, STATUS,
    UPSTREAM_HEALTH_CHECK, UPSTREAM_HEALTHCHECKED_CLUSTER, UPSTREAM_RQ_TIMEOUT_MS,
};
use crate::outcome::{Outcome, Verdict, details};
use crate::policy::MetricIndex;
use crate::request::RequestHead;
use crate::time::{Nanos, rfc3339};
use std::time::Duration;

/// A probe rule, compiled.
#[derive(Debug)]
pub struct Probe {
    name: String,
    action: Action,
    protocol: Protocol,
    /// `None` lifts every limit.
    timeout: Option<Duration>,
    connection: Connection,
    retries: u32,
    service_cluster: String,
    /// The first of its metrics, which stand in the order of [`Outcome::ALL`].
    first_metric: MetricIndex,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Protocol {
    Http,
    Grpc,
}

impl Probe {
    pub(crate) fn compile(
        rule: &ProbeRule,
        service_cluster: &str,
        first_metric: MetricIndex,
    ) -> Self {
        Self {
            name: rule.name.clone(),
            action: rule.action,
            protocol: match rule.matcher {
                Match::Http(_) => Protocol::Http,
                Match::Grpc(_) => Protocol::Grpc,
            },
            timeout: rule.timeout,
            connection: rule.connection,
            retries: rule.retries,
            service_cluster: service_cluster.to_owned(),
            first_metric,
        }
    }

    /// The rule's name.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// The metric that counts an outcome of this probe.
    pub fn metric(&self, outcome: Outcome) -> MetricIndex {
        self.first_metric + outcome as usize
    }

    /// What happens to a request that this rule recognised.
    pub fn decide(&self, request: &impl RequestHead, now: Nanos) -> Decision {
        match self.action {
            Action::Forward => Decision::Forward(self.forward(request)),
            Action::Respond => Decision::Reply(self.respond(now)),
        }
    }

    fn forward(&self, request: &impl RequestHead) -> HeaderEdits {
        let mut edits = HeaderEdits { remove: CLIENT_OVERRIDES.to_vec(), set: Vec::new() };
        edits.set(UPSTREAM_HEALTH_CHECK, "true");
        edits.set(PROBE, &*self.name);
        edits.set(UPSTREAM_RQ_TIMEOUT_MS, timeout_ms(self.deadline(request)).to_string());
        edits.set(MAX_RETRIES, self.retries.to_string());
        match self.protocol {
            Protocol::Http => {
                if self.connection == Connection::Close {
                    edits.set(CONNECTION, "close");
                }
                if self.retries > 0 {
                    edits.set(RETRY_ON, "5xx");
                }
            }
            Protocol::Grpc => {
                // Only a message that isn't compressed can be read on its way back.
                edits.remove.push(GRPC_ACCEPT_ENCODING);
                if self.retries > 0 {
                    edits.set(RETRY_GRPC_ON, "unavailable");
                }
            }
        }
        edits
    }

    /// The smaller of the rule's timeout and, for gRPC, the caller's deadline.
    fn deadline(&self, request: &impl RequestHead) -> Option<Duration> {
        let callers = match self.protocol {
            Protocol::Http => None,
            Protocol::Grpc => {
                request.header(GRPC_TIMEOUT).and_then(|value| grpc::parse_timeout(&value))
            }
        };
        match (self.timeout, callers) {
            (Some(ours), Some(callers)) => Some(ours.min(callers)),
            (ours, callers) => ours.or(callers),
        }
    }

    fn respond(&self, now: Nanos) -> Reply {
        let body = format!(r#"{{"status":"ok","timestamp":"{}"}}"#, rfc3339(now));
        let mut edits = self.annotation(Verdict::Pass);
        edits.set(CONTENT_TYPE, "application/json");
        edits.set(CACHE_CONTROL, "no-store");
        Reply {
            status: 200,
            headers: edits.set,
            body: body.into_bytes(),
            details: details::RESPOND_PASS,
            outcome: Outcome::Pass,
        }
    }

    /// The markers for the prober on an answer whose verdict is known.
    pub(crate) fn annotation(&self, verdict: Verdict) -> HeaderEdits {
        let mut edits = self.identification();
        match verdict {
            Verdict::Pass => {}
            Verdict::Warn => edits.set(DEGRADED, "true"),
            Verdict::Fail => edits.set(IMMEDIATE_HEALTH_CHECK_FAIL, "true"),
        }
        let ready = verdict != Verdict::Fail;
        edits.set(STATUS, if ready { "ready" } else { "not-ready" });
        edits
    }

    /// The markers for the prober that hold whatever the verdict will be.
    pub(crate) fn identification(&self) -> HeaderEdits {
        let mut edits = HeaderEdits::default();
        if !self.service_cluster.is_empty() {
            edits.set(UPSTREAM_HEALTHCHECKED_CLUSTER, &*self.service_cluster);
        }
        edits
    }
}

/// Envoy's notation: whole milliseconds, and 0 for no limit, so that a deadline
/// below a millisecond must not become 0.
fn timeout_ms(deadline: Option<Duration>) -> u64 {
    let Some(deadline) = deadline else { return 0 };
    let milliseconds = deadline.as_nanos().div_ceil(1_000_000).max(1);
    u64::try_from(milliseconds).unwrap_or(u64::MAX)
}

#[cfg(test)]
mod tests;
