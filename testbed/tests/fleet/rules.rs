//! Every shipped rule finds series.

use std::collections::BTreeSet;
use std::time::Duration;

use anyhow::{Context, Result};
use libtest_mimic::Trial;
use serde::Deserialize;
use serde_json::{Value, json};
use testbed::envoy::EnvoyBuilder;
use testbed::fleet::Fleet;
use testbed::prometheus::Prometheus;
use testbed::prometheus::dashboard::{self, Dashboard, ROWS_OF_A_FLEET};

use crate::{Shared, faults, tools};

/// What rests on `istio_*`: only Istio's own proxies export these, by the extension
/// istio.stats, which isn't built into a stock Envoy.
const OF_ISTIO: [&str; 6] = [
    "edge_reporter_result:istio_requests:rate5m",
    "edge_result:istio_requests:rate5m",
    "edge_reporter:istio_latency_ms:p95_rate5m",
    "service:errors:ratio_rate5m",
    "service:resets:ratio_rate5m",
    "service:latency_ms:p95_rate5m",
];

/// What looks at yesterday has series after the day, and the rest of the window: here, of
/// seconds.
const HISTORY: Duration = Duration::from_secs(150);

/// What Grafana takes for `$__rate_interval`, which is four scrapes: here, a second each.
const RATE_INTERVAL: &str = "4s";

/// A rule as Prometheus runs it.
#[derive(Debug, Deserialize)]
struct Running {
    name: String,
    query: String,
    #[serde(rename = "type")]
    kind: Kind,
    health: String,
    #[serde(rename = "lastError", default)]
    last_error: String,
}

#[derive(Debug, PartialEq, Deserialize)]
#[serde(rename_all = "lowercase")]
enum Kind {
    Recording,
    Alerting,
}

pub fn trials(fleet: &Shared<Fleet>) -> Vec<Trial> {
    vec![
        fleet.trial("every_recording_rule_finds_series_but_for_those_of_istio", async |fleet| {
            faults::within(HISTORY, async || without_series(&fleet.prometheus).await).await
        }),
        fleet.trial("every_alert_can_be_evaluated", async |fleet| {
            faults::eventually(async || unhealthy(&fleet.prometheus).await).await
        }),
        fleet.trial(
            "the_rows_of_the_dashboard_that_only_a_fleet_fills_find_series",
            async |fleet| {
                faults::within(HISTORY, async || empty_panels(&fleet.prometheus).await).await
            },
        ),
        crate::trial("a_stock_envoy_does_not_know_the_statistics_of_istio", no_istio_stats),
    ]
}

async fn running(prometheus: &Prometheus) -> Result<Vec<Running>> {
    let groups = prometheus.rules().await?["groups"].take();
    let groups = groups.as_array().context("no groups of rules")?;
    let rules = groups.iter().filter_map(|group| group["rules"].as_array()).flatten();
    rules.map(|rule| Ok(serde_json::from_value(rule.clone())?)).collect()
}

async fn without_series(prometheus: &Prometheus) -> Result<Vec<String>> {
    let mut faults = Vec::new();
    let rules = running(prometheus).await?;
    let recorded: Vec<_> = rules.iter().filter(|rule| rule.kind == Kind::Recording).collect();
    let names: BTreeSet<_> = recorded.iter().map(|rule| rule.name.as_str()).collect();
    let gone = OF_ISTIO.iter().filter(|name| !names.contains(**name));
    faults.extend(gone.map(|name| format!("{name}: no rule records it")));
    for rule in recorded {
        let samples = prometheus.query(&rule.query).await.with_context(|| rule.name.clone())?;
        let found = samples.iter().any(|sample| sample.value.is_finite());
        match (found, OF_ISTIO.contains(&&*rule.name)) {
            (true, false) | (false, true) => {}
            (false, false) => faults.push(format!("{}: no numbers in {samples:?}", rule.name)),
            (true, true) => faults.push(format!("{}: there are series", rule.name)),
        }
    }
    Ok(faults)
}

async fn unhealthy(prometheus: &Prometheus) -> Result<Vec<String>> {
    let rules = running(prometheus).await?;
    let mut faults: Vec<_> = rules
        .iter()
        .filter(|rule| rule.health != "ok")
        .map(|rule| format!("{}: {} {}", rule.name, rule.health, rule.last_error))
        .collect();
    if !rules.iter().any(|rule| rule.kind == Kind::Alerting) {
        faults.push("there are no alerts".into());
    }
    Ok(faults)
}

/// What one Envoy that has just started couldn't show.
async fn empty_panels(prometheus: &Prometheus) -> Result<Vec<String>> {
    let dashboard = Dashboard::read()?;
    // It has none until it has scraped for the first time.
    let mut values = match dashboard.variables(prometheus).await {
        Ok(values) => values,
        Err(error) => return Ok(vec![format!("{error:#}")]),
    };
    values.insert("__rate_interval".into(), RATE_INTERVAL.into());
    let queries = dashboard.queries();
    let mut faults = Vec::new();
    for row in ROWS_OF_A_FLEET {
        let mut of_row = queries.iter().filter(|query| query.row == row).peekable();
        if of_row.peek().is_none() {
            faults.push(format!("the dashboard has no row {row:?}"));
        }
        for query in of_row {
            let expression = dashboard::filled(&query.expression, &values);
            let samples = prometheus.query(&expression).await.context(expression)?;
            if !samples.iter().any(|sample| sample.value.is_finite()) {
                faults.push(format!("{}: no numbers in {samples:?}", query.panel));
            }
        }
    }
    Ok(faults)
}

/// What says so is Envoy itself, of a filter that it would need.
fn no_istio_stats() -> Result<()> {
    let of = "type.googleapis.com/envoy.extensions.filters";
    let filter = |kind: &str| json!({ "name": "it", "typed_config": { "@type": kind } });
    let hcm = json!({
        "@type": format!("{of}.network.http_connection_manager.v3.HttpConnectionManager"),
        "stat_prefix": "users",
        "route_config": {},
        "http_filters": [filter("type.googleapis.com/stats.PluginConfig"),
                         filter(&format!("{of}.http.router.v3.Router"))],
    });
    let socket = json!({ "address": "127.0.0.1", "port_value": 1 });
    let listener: Value = json!({
        "name": "users",
        "address": { "socket_address": socket },
        "filter_chains": [{ "filters": [{ "name": "hcm", "typed_config": hcm }] }],
    });
    let config = json!({ "static_resources": { "listeners": [listener] } });
    let Err(refused) = EnvoyBuilder::from_config(&tools(), config).validate() else {
        anyhow::bail!("this Envoy takes the statistics of Istio");
    };
    let refused = format!("{refused:#}");
    anyhow::ensure!(refused.contains("stats.PluginConfig"), "{refused}");
    Ok(())
}
