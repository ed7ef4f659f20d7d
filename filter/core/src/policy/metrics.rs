//! Names of the metrics.

use crate::base::environment::Build;
use crate::base::metric::{Metric, MetricKind};
use crate::base::outcome::Outcome;
use crate::facts::check::CheckResult;
use crate::grpc::ServingStatus;
use crate::guards::cache::CacheResult;
use crate::guards::upstream::CloseResult;
use crate::score::AxisName;

/// `heartbeat_probe_total{probe, outcome}`.
pub fn probe_total(probe: &str, outcome: Outcome) -> Metric {
    let labels = [("probe", probe), ("outcome", outcome.word())];
    Metric::labelled(MetricKind::Counter, &labels, "heartbeat_probe_total")
}

/// `heartbeat_probe_duration_ms{probe}`: from a probe's headers to its end.
pub fn probe_duration_ms(probe: &str) -> Metric {
    Metric::labelled(MetricKind::Histogram, &[("probe", probe)], "heartbeat_probe_duration_ms")
}

/// `heartbeat_cache_total{probe, result}`.
pub fn cache_total(probe: &str, result: CacheResult) -> Metric {
    let labels = [("probe", probe), ("result", result.word())];
    Metric::labelled(MetricKind::Counter, &labels, "heartbeat_cache_total")
}

/// `heartbeat_breaker_state{probe}`: 0 closed, 1 half-open, 2 open; and
/// `heartbeat_breaker_opened_total{probe}`.
pub fn of_breaker(probe: &str) -> [Metric; 2] {
    [
        Metric::labelled(MetricKind::Gauge, &[("probe", probe)], "heartbeat_breaker_state"),
        Metric::labelled(
            MetricKind::Counter,
            &[("probe", probe)],
            "heartbeat_breaker_opened_total",
        ),
    ]
}

/// `heartbeat_watch_message_total{probe, status}`.
pub fn watch_message_total(probe: &str, said: ServingStatus) -> Metric {
    let labels = [("probe", probe), ("status", said.label())];
    Metric::labelled(MetricKind::Counter, &labels, "heartbeat_watch_message_total")
}

/// `app_health_status{component}`: 1 for a check that is up, 0 for one that isn't; and
/// `heartbeat_check_total{component, result}`, in the order of [`CheckResult`].
pub fn of_check(check: &str) -> [Metric; 1 + CheckResult::ALL.len()] {
    std::array::from_fn(|place| {
        match place.checked_sub(1).and_then(|it| CheckResult::ALL.get(it)) {
            None => {
                Metric::labelled(MetricKind::Gauge, &[("component", check)], "app_health_status")
            }
            Some(result) => {
                let labels = [("component", check), ("result", result.word())];
                Metric::labelled(MetricKind::Counter, &labels, "heartbeat_check_total")
            }
        }
    })
}

/// `heartbeat_admin_up`: 1 while Envoy's admin interface is read, 0 once it can't be.
pub fn admin_up() -> Metric {
    Metric::labelled(MetricKind::Gauge, &[], "heartbeat_admin_up")
}

/// `heartbeat_evidence_up{probe, evidence}`: 1 for evidence that speaks for health, 0 for
/// evidence that doesn't, or that nobody knows.
pub fn evidence_up(probe: &str, evidence: &str) -> Metric {
    // A cluster may be called anything; these mark labels in the stat's name.
    let marks = |it: char| if matches!(it, ';' | '=') { '_' } else { it };
    let evidence: String = evidence.chars().map(marks).collect();
    let labels = [("probe", probe), ("evidence", evidence.as_str())];
    Metric::labelled(MetricKind::Gauge, &labels, "heartbeat_evidence_up")
}

/// `heartbeat_http2_upstreams_total`: clusters that turned out to speak HTTP/2.
pub fn http2_upstreams_total() -> Metric {
    Metric::counter("heartbeat_http2_upstreams_total")
}

/// `heartbeat_connection_close_total{result}`: clusters of which probes ask that they close
/// their connections (`announced`), and those that are asked no more, by what ended it.
pub fn connection_close_total(result: CloseResult) -> Metric {
    let labels = [("result", result.word())];
    Metric::labelled(MetricKind::Counter, &labels, "heartbeat_connection_close_total")
}

/// `heartbeat_build_info{module_version, module_revision}`: always 1.
pub fn build_info(build: Build) -> Metric {
    let labels = [("module_version", build.version), ("module_revision", build.revision)];
    Metric::labelled(MetricKind::Gauge, &labels, "heartbeat_build_info")
}

/// `heartbeat_config_loads_total{result}`: configurations that were accepted, and
/// those that were refused.
pub fn config_loads_total(accepted: bool) -> Metric {
    let result = if accepted { "accepted" } else { "refused" };
    Metric::labelled(MetricKind::Counter, &[("result", result)], "heartbeat_config_loads_total")
}

/// `heartbeat_health_score`, then `heartbeat_score_axis{axis}` for each axis, all of
/// them from 0 to 1000, then `heartbeat_score_axis_speaks{axis}`: 1 for an axis that
/// has enough to go by.
pub fn score() -> Vec<Metric> {
    let mut metrics = vec![Metric::labelled(MetricKind::Gauge, &[], "heartbeat_health_score")];
    for name in ["heartbeat_score_axis", "heartbeat_score_axis_speaks"] {
        for axis in AxisName::ALL {
            metrics.push(Metric::labelled(MetricKind::Gauge, &[("axis", axis.word())], name));
        }
    }
    metrics
}
