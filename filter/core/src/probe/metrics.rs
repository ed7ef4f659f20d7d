//! The metrics of a probe rule.

use super::{Action, ProbeRule};
use crate::base::metric::{CountersBy, HistogramId, Registry};
use crate::base::outcome::Outcome;
use crate::grpc::{GrpcMethod, ServingStatus};
use crate::guards::breaker::BreakerMetrics;
use crate::guards::cache::CacheResult;

/// The metrics of a probe rule.
#[derive(Debug)]
pub(crate) struct ProbeMetrics {
    /// How probes ended.
    pub(crate) outcomes: CountersBy<Outcome>,
    /// From a probe's headers to its end, in milliseconds.
    pub(crate) duration: HistogramId,
    /// What the cache did, where the rule has one.
    pub(crate) cache: Option<CountersBy<CacheResult>>,
    pub(crate) breaker: Option<BreakerMetrics>,
    /// The messages of Watches, where it takes any.
    pub(crate) watch: Option<CountersBy<ServingStatus>>,
}

impl ProbeMetrics {
    pub(crate) fn define(rule: &ProbeRule, metrics: &mut Registry<'_>) -> Self {
        let mut metrics = metrics.labelled("probe", &rule.name);
        let outcomes = metrics.counters_by("outcome", "heartbeat_probe_total");
        let duration = metrics.histogram("heartbeat_probe_duration_ms");
        let caches = matches!(rule.action, Action::Cache(_));
        let cache = caches.then(|| metrics.counters_by("result", "heartbeat_cache_total"));
        let breaker = rule.breaker.as_ref().map(|_| BreakerMetrics::define(&mut metrics));
        let watches = rule.matcher.takes(GrpcMethod::Watch);
        let watch = watches.then(|| metrics.counters_by("status", "heartbeat_watch_message_total"));
        Self { outcomes, duration, cache, breaker, watch }
    }
}
