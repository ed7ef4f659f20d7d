//! What Prometheus has, and what it answers.

use std::collections::BTreeSet;

use anyhow::Result;
use libtest_mimic::Trial;
use serde_json::Value;
use testbed::client::http::{self, Request};
use testbed::prometheus::dashboard::{self, Dashboard};
use testbed::prometheus::rules::{self, Rule};
use testbed::prometheus::{Prometheus, shipped, stat_name};

use crate::faults;
use crate::shared::Shared;
use crate::stack::Stack;

/// What Grafana takes for `$__rate_interval`, which is four scrapes: here, a second each.
const RATE_INTERVAL: &str = "4s";

/// Labels that Prometheus adds to every series, and those of histograms.
const NOT_OURS: [&str; 4] = ["__name__", "instance", "job", "le"];

pub fn trials(shared: &Shared) -> Vec<Trial> {
    let live = |name: &str, look: fn(&Stack) -> Result<()>| {
        let shared = shared.clone();
        crate::trial(name, move || look(&*shared.stack()?))
    };
    vec![
        live("every_metric_of_the_readme_is_scraped_with_exactly_its_labels", |stack| {
            crate::block_on(faults::eventually(async || missing(stack).await))
        }),
        live("nothing_is_exported_that_the_readme_does_not_name", |stack| {
            crate::block_on(async { faults::none(unnamed(stack).await?) })
        }),
        live("every_variable_and_query_of_the_dashboard_finds_series", |stack| {
            crate::block_on(dashboard(&stack.prometheus))
        }),
        live("every_recording_rule_finds_series_and_every_alert_can_be_evaluated", |stack| {
            crate::block_on(faults::eventually(async || rules(&stack.prometheus).await))
        }),
        live("prometheus_is_content_with_target_and_rules", |stack| {
            crate::block_on(faults::eventually(async || discontent(&stack.prometheus).await))
        }),
    ]
}

/// Metrics that Prometheus lacks, or has with other labels.
async fn missing(stack: &Stack) -> Result<Vec<String>> {
    let mut faults = Vec::new();
    for (name, labels) in &stack.catalogue {
        let selector = format!(r#"{{__name__=~"{name}(_bucket|_sum|_count)?"}}"#);
        let series = stack.prometheus.series(&selector).await?;
        if series.is_empty() {
            faults.push(format!("{name}: not found"));
        }
        let found: BTreeSet<BTreeSet<String>> = series
            .into_iter()
            .map(|series| series.into_keys().filter(|it| !NOT_OURS.contains(&&**it)).collect())
            .collect();
        for found in found.into_iter().filter(|found| found != labels) {
            faults.push(format!("{name}: labels {found:?}, and the reference has {labels:?}"));
        }
    }
    Ok(faults)
}

/// Metrics of the filter that nobody names.
async fn unnamed(stack: &Stack) -> Result<Vec<String>> {
    let page = http::fetch(stack.admin, &Request::new("GET", "/stats")).await?.text();
    let exported = stat_name::on_page(&page).into_iter().map(|(name, _)| name);
    let names = stack.prometheus.label_values("__name__", None).await?;
    let scraped = names.into_iter().filter(|name| is_filters(name));
    let known = |name: &str| {
        let whole = ["_bucket", "_sum", "_count"].iter().find_map(|part| name.strip_suffix(part));
        stack.catalogue.contains_key(name)
            || whole.is_some_and(|it| stack.catalogue.contains_key(it))
    };
    let unnamed: BTreeSet<_> = exported.chain(scraped).filter(|name| !known(name)).collect();
    Ok(unnamed.into_iter().map(|name| format!("the reference doesn't name {name}")).collect())
}

/// Neither Envoy's own, nor Prometheus's own, nor recorded.
fn is_filters(name: &str) -> bool {
    let of_others = ["envoy_", "scrape_", "ALERTS"].iter().any(|prefix| name.starts_with(prefix));
    !of_others && name != "up" && !name.contains(':')
}

async fn dashboard(prometheus: &Prometheus) -> Result<()> {
    let dashboard = Dashboard::read()?;
    faults::eventually(async || {
        let mut values = match dashboard.variables(prometheus).await {
            Ok(values) => values,
            Err(error) => return Ok(vec![format!("{error:#}")]),
        };
        values.insert("__rate_interval".into(), RATE_INTERVAL.into());
        let mut faults = Vec::new();
        for query in dashboard.queries().iter().filter(|it| !it.is_of_a_fleet()) {
            let expression = dashboard::filled(&query.expression, &values);
            if let Some(fault) = nothing_found(prometheus, &expression).await {
                faults.push(format!("{}: {fault}", query.panel));
            }
        }
        Ok(faults)
    })
    .await
}

async fn rules(prometheus: &Prometheus) -> Result<Vec<String>> {
    let mut faults = Vec::new();
    for Rule { record, expr, .. } in rules::read(&shipped().join("recording-rules.yml"))? {
        let record = record.unwrap_or_default();
        if let Some(fault) = nothing_found(prometheus, &expr).await {
            faults.push(format!("{record}: {fault}"));
        }
        if let Some(fault) = nothing_found(prometheus, &record).await {
            faults.push(format!("{record}, recorded: {fault}"));
        }
    }
    for Rule { alert, expr, .. } in rules::all()? {
        let Some(alert) = alert else { continue };
        if let Err(error) = prometheus.query(&expr).await {
            faults.push(format!("{alert}: {error:#}"));
        }
    }
    Ok(faults)
}

/// Why an expression shows nothing: a panel of NaN is as dead as an empty one.
async fn nothing_found(prometheus: &Prometheus, expression: &str) -> Option<String> {
    match prometheus.query(expression).await {
        Err(error) => Some(format!("{error:#}\n    {expression}")),
        Ok(samples) if samples.is_empty() => Some(format!("no series\n    {expression}")),
        Ok(samples) if !samples.iter().any(|sample| sample.value.is_finite()) => {
            Some(format!("no numbers\n    {expression}"))
        }
        Ok(_) => None,
    }
}

/// What Prometheus itself reports of its targets and rules.
async fn discontent(prometheus: &Prometheus) -> Result<Vec<String>> {
    let mut faults = Vec::new();
    let targets = prometheus.targets().await?;
    let targets = targets["activeTargets"].as_array().cloned().unwrap_or_default();
    if targets.len() != 1 {
        faults.push(format!("{} targets instead of one", targets.len()));
    }
    faults.extend(targets.iter().filter_map(|target| unhealthy(target, "up", "scrapeUrl")));
    let groups = prometheus.rules().await?;
    let groups = groups["groups"].as_array().cloned().unwrap_or_default();
    // Those that are evaluated more seldom haven't all had their turn.
    let hurried = groups.iter().filter(|group| group["interval"].as_f64() <= Some(1.0));
    let rules: Vec<_> = hurried.filter_map(|group| group["rules"].as_array()).flatten().collect();
    if rules.is_empty() {
        faults.push("no rules".into());
    }
    faults.extend(rules.into_iter().filter_map(|rule| unhealthy(rule, "ok", "name")));
    Ok(faults)
}

fn unhealthy(of: &Value, healthy: &str, name: &str) -> Option<String> {
    (of["health"] != healthy).then(|| format!("{}: {} {}", of[name], of["health"], of["lastError"]))
}
