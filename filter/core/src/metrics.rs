//! Names of the metrics.
//!
//! A Proxy-Wasm metric has a name and no labels. Labels travel in the name, in
//! the form that Istio's own tag regexes and the `stats_tags` of
//! `envoy-config/static` turn back into labels: `label.=value;.;` before the
//! name, once for each.

use crate::grpc::ServingStatus;
use crate::outcome::Outcome;

/// A metric to be defined.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Metric {
    /// What it does.
    pub kind: MetricKind,
    /// Its stat name.
    pub name: String,
}

/// What a metric does.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum MetricKind {
    /// It only rises.
    Counter,
    /// It shows the present value.
    Gauge,
}

impl Metric {
    /// A counter with a name of its own.
    pub fn counter(name: impl Into<String>) -> Self {
        Self { kind: MetricKind::Counter, name: name.into() }
    }
}

/// `heartbeat_probe_total{probe, outcome}`.
pub fn probe_total(probe: &str, outcome: Outcome) -> Metric {
    let outcome = outcome.word();
    Metric::counter(format!("probe.={probe};.;outcome.={outcome};.;heartbeat_probe_total"))
}

/// `heartbeat_breaker_state{probe}`: 0 closed, 1 half-open, 2 open.
pub fn breaker_state(probe: &str) -> Metric {
    Metric { kind: MetricKind::Gauge, name: format!("probe.={probe};.;heartbeat_breaker_state") }
}

/// `heartbeat_watch_message_total{probe, status}`.
pub fn watch_message_total(probe: &str, said: ServingStatus) -> Metric {
    let said = said.label();
    Metric::counter(format!("probe.={probe};.;status.={said};.;heartbeat_watch_message_total"))
}

/// `app_health_status{component}`: 1 for a check that is up, 0 for one that isn't.
pub fn app_health_status(check: &str) -> Metric {
    Metric { kind: MetricKind::Gauge, name: format!("component.={check};.;app_health_status") }
}

/// `heartbeat_http2_upstreams_total`: clusters that turned out to speak HTTP/2.
pub fn http2_upstreams_total() -> Metric {
    Metric::counter("heartbeat_http2_upstreams_total")
}
