//! What is asked of Prometheus: what `dependency-rules.yml` has recorded, and the filter's own
//! metrics.

use anyhow::Result;

use super::graph::{Answers, Graph};
use crate::prometheus::Api;

/// Edges without traffic for a day are none.
pub const DRAWN: &str = "edge:requests:increase1d > 0";

/// The health score of each service.
const SCORES: &str = "min by (job, namespace) (heartbeat_health_score)";

/// The share of probes that fail, where most do.
const FAILING: &str =
    "max by (job, namespace) (instance_probe:heartbeat_probe_failures:ratio_rate5m)";

/// What is known at a moment, in seconds since 1970.
pub async fn graph(api: &Api, time: f64) -> Result<Graph> {
    let ask = async |expression: &str| api.query_at(expression, time).await;
    Ok(Graph::new(&Answers {
        day: ask(DRAWN).await?,
        requests: ask("edge:requests:rate5m").await?,
        errors: ask("edge:errors:ratio_rate5m").await?,
        p95: ask("edge:latency_ms:p95_rate5m").await?,
        strength: ask("edge:strength:ratio_rate5m").await?,
        liveness: ask("edge:liveness:ratio").await?,
        deviation: ask("edge:latency_deviation:ratio_rate5m").await?,
        burn: ask("edge:objective_burn:ratio_rate5m").await?,
        scores: ask(SCORES).await?,
        failing: ask(FAILING).await?,
    }))
}
