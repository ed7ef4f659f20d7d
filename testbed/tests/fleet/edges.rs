//! Who depends on whom, and how well that goes.

use std::collections::BTreeMap;
use std::time::Duration;

use anyhow::{Result, ensure};
use libtest_mimic::Trial;
use testbed::fleet::{Fleet, Plan};
use testbed::prometheus::Prometheus;

use crate::{Shared, Start, faults, tools};

/// The pairs of the plan, by name.
const WEB: (&str, &str) = ("web", "payments");
const CHECKOUT: (&str, &str) = ("checkout", "payments");

/// The share of calls of `checkout` that fails, by the plan.
const FAILING: f64 = 0.4;

/// How far a share over ten seconds may be off.
const OFF: f64 = 0.1;

/// How long an alert may take: windows and waiting times, one behind the other.
const ALERTS_WITHIN: Duration = Duration::from_secs(90);

impl Start for Fleet {
    async fn start() -> Result<Self> {
        Self::start(&tools(), &Plan::shop()).await
    }
}

pub fn trials(fleet: &Shared<Fleet>) -> Vec<Trial> {
    vec![
        fleet.trial("edges_are_exactly_the_pairs_of_which_one_calls_the_other", async |fleet| {
            faults::eventually(async || pairs(&fleet.prometheus).await).await
        }),
        fleet.trial("an_edge_has_the_share_of_errors_with_which_its_calls_fail", async |fleet| {
            let shares = [(WEB, 0.0), (CHECKOUT, FAILING)];
            faults::eventually(async || {
                about(&fleet.prometheus, "edge:errors:ratio_rate5m", &shares).await
            })
            .await
        }),
        fleet.trial("an_edge_is_as_strong_as_its_calls_succeed", async |fleet| {
            let strengths = [(WEB, 1.0), (CHECKOUT, 1.0 - FAILING)];
            faults::eventually(async || {
                about(&fleet.prometheus, "edge:strength:ratio_rate5m", &strengths).await
            })
            .await
        }),
        fleet.trial("an_alert_names_the_edge_that_fails_and_no_other", async |fleet| {
            faults::within(ALERTS_WITHIN, async || failing(&fleet.prometheus).await).await
        }),
    ]
}

/// The edges in a recorded metric.
async fn edges(prometheus: &Prometheus, metric: &str) -> Result<BTreeMap<(String, String), f64>> {
    let samples = prometheus.query(metric).await?;
    let label = |labels: &BTreeMap<String, String>, name: &str| {
        labels.get(name).cloned().unwrap_or_default()
    };
    let edges: BTreeMap<_, _> = samples
        .iter()
        .map(|it| ((label(&it.labels, "source"), label(&it.labels, "destination")), it.value))
        .collect();
    ensure!(edges.len() == samples.len(), "{metric} has an edge twice: {samples:?}");
    Ok(edges)
}

async fn pairs(prometheus: &Prometheus) -> Result<Vec<String>> {
    let mut faults = Vec::new();
    for metric in ["edge:requests:rate5m", "edge:requests:increase1d", "edge:liveness:ratio"] {
        let edges = edges(prometheus, metric).await?;
        let pairs: Vec<_> = edges.keys().map(|(from, to)| (from.as_str(), to.as_str())).collect();
        if pairs != [CHECKOUT, WEB] {
            faults.push(format!("{metric}: {pairs:?}"));
        }
        faults.extend(
            edges
                .iter()
                .filter(|(_, value)| **value <= 0.0)
                .map(|(pair, value)| format!("{metric} of {pair:?}: {value}")),
        );
    }
    Ok(faults)
}

/// What isn't about as it should be.
async fn about(
    prometheus: &Prometheus,
    metric: &str,
    expected: &[((&str, &str), f64)],
) -> Result<Vec<String>> {
    let edges = edges(prometheus, metric).await?;
    let found = |(from, to): (&str, &str)| edges.get(&(from.to_owned(), to.to_owned()));
    let wrong = expected.iter().filter_map(|(pair, share)| match found(*pair) {
        Some(found) if (found - share).abs() <= OFF && (0.0..=1.0).contains(found) => None,
        found => Some(format!("{metric} of {pair:?}: {found:?} and not {share}")),
    });
    Ok(wrong.collect())
}

/// Whether `DependencyFailing` fires for what fails alone.
async fn failing(prometheus: &Prometheus) -> Result<Vec<String>> {
    let firing = r#"ALERTS{alertname="DependencyFailing", alertstate="firing"}"#;
    let edges = edges(prometheus, firing).await?;
    let pairs: Vec<_> = edges.keys().map(|(from, to)| (from.as_str(), to.as_str())).collect();
    Ok(if pairs == [CHECKOUT] { vec![] } else { vec![format!("it fires for {pairs:?}")] })
}
