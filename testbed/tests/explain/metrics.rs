//! What `metrics` prints is what Envoy has, and what it prints for a bootstrap makes labels of
//! what is in names.

use std::collections::{BTreeMap, BTreeSet};

use anyhow::{Context, Result, anyhow, ensure};
use libtest_mimic::Trial;
use serde_json::{Value, json};
use testbed::app::Application;
use testbed::envoy::{Envoy, EnvoyBuilder, PluginConfig};
use testbed::{metrics::Metrics, tools};

use crate::{json as explained, printed, words};

/// A metric's name and its labels.
type Series = (String, BTreeMap<String, String>);

/// The labels that say which module it is: only the module knows.
const OF_MODULE: [&str; 2] = ["module_version", "module_revision"];

pub fn trials() -> Vec<Trial> {
    vec![crate::trial("stats_tags_take_every_label_out_of_every_name", || {
        crate::block_on(labels_are_whole())
    })]
}

/// A configuration that defines all kinds of series, with labels that no shipped file knows.
fn config() -> Value {
    json!({
        "probes": [
            { "name": "a", "match": { "path": "/a" }, "action": "cache", "breaker": {} },
            { "name": "w", "match": { "grpc": { "methods": ["Watch"] } } },
            { "name": "r", "match": { "path": "/r" }, "action": "respond",
              "when": [{ "check": "db" }, { "cluster": "app" }, { "score": { "min": 1 } }] },
        ],
        "checks": [{ "name": "db", "http": { "cluster": "app", "path": "/ping" } }],
        "admin": { "cluster": "nowhere" },
        "score": { "clusters": ["app"] },
        "counters": [
            { "name": "orders_total", "when": {},
              "labels": { "tier": { "request_header": "x-tier", "values": ["gold", "tin"] },
                          "verb": { "attribute": "request.method", "values": ["GET"] } } },
            { "name": "took_ms", "type": "histogram", "value": "duration_ms", "when": {},
              "labels": { "tier": { "request_header": "x-tier", "values": ["gold"] } } },
        ],
    })
}

async fn labels_are_whole() -> Result<()> {
    let home = tempfile::tempdir()?;
    let file = home.path().join("plugin.json");
    std::fs::write(&file, config().to_string())?;
    let file = file.to_str().context("the path isn't UTF-8")?;
    let yaml = printed(&words(["metrics", "--format", "stats-tags", file]))?;
    let stats: Value = serde_saphyr::from_str(&yaml).map_err(|error| anyhow!("{error}: {yaml}"))?;

    let tools = crate::tools();
    let application = Application::start(&tools)?;
    let envoy = EnvoyBuilder::new(&tools, &tools::envoy_configs().join("static/envoy.yaml"))?
        .application("app", &application.addresses)
        .plugin_config(PluginConfig::Text(config().to_string()))
        .patch(&json!({ "stats_config": null }))
        .patch(&stats)
        .start()
        .await?;
    let shown = shown(&envoy.prometheus().await?);
    let listed = listed(&explained(&words(["metrics", "--format", "json", file]))?)?;
    ensure!(shown.len() > 40, "only {} series", shown.len());
    let lost: Vec<_> = listed.difference(&shown).collect();
    let odd: Vec<_> = shown.difference(&listed).collect();
    ensure!(lost.is_empty() && odd.is_empty(), "not shown: {lost:?}\nshown instead: {odd:?}");
    Ok(())
}

/// Every series of the modules on an Envoy's page is one that is listed, with all its labels.
pub async fn are_listed(envoy: &Envoy) -> Result<()> {
    let path = envoy.config_path();
    let path = path.to_str().context("the path isn't UTF-8")?;
    let printed = explained(&words(["metrics", "--format", "json", path]))?;
    let listed = listed(&printed)?;
    let shown = shown(&envoy.prometheus().await?);
    ensure!(!shown.is_empty(), "there are no series");
    // Labels that the file has no tag for stay in the names.
    let odd: Vec<_> = shown.difference(&listed).filter(|(name, _)| !name.contains("___")).collect();
    ensure!(odd.is_empty(), "shown and not listed: {odd:?}");
    Ok(())
}

fn shown(metrics: &Metrics) -> BTreeSet<Series> {
    let ours = metrics.all().filter(|(name, _)| !name.starts_with("envoy_"));
    let whole = ours.filter(|(name, _)| !name.ends_with("_bucket") && !name.ends_with("_sum"));
    whole
        .map(|(name, labels)| {
            let name = name.strip_suffix("_count").unwrap_or(name).to_owned();
            (name, labels.iter().map(|(label, value)| any_module(label, value)).collect())
        })
        .collect()
}

fn listed(printed: &Value) -> Result<BTreeSet<Series>> {
    let mut all = BTreeSet::new();
    for metric in printed["metrics"].as_array().context("no metrics")? {
        let name = metric["name"].as_str().context("no name")?;
        ensure!(metric["help"].as_str().is_some_and(|help| !help.is_empty()), "{name}: no help");
        for labels in metric["series"].as_array().context("no series")? {
            let labels: BTreeMap<String, String> = serde_json::from_value(labels.clone())?;
            let labels = labels.iter().map(|(label, value)| any_module(label, value)).collect();
            all.insert((name.to_owned(), labels));
        }
    }
    Ok(all)
}

fn any_module(label: &str, value: &str) -> (String, String) {
    let value = if OF_MODULE.contains(&label) { "*" } else { value };
    (label.to_owned(), value.to_owned())
}
