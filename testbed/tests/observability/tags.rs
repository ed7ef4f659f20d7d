//! Labels travel in names. Who takes them out: the shipped `stats_tags`, those that Istio
//! makes of `extraStatTags`, or nobody.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result, ensure};
use heartbeat_core::base::environment::Variables;
use heartbeat_mesh::config::HubConfig;
use heartbeat_mesh::metrics::Metrics;
use heartbeat_mesh::plan::Plan;
use libtest_mimic::Trial;
use regex::Regex;
use serde_json::{Value, json};
use testbed::app::Application;
use testbed::envoy::PluginConfig;
use testbed::prometheus::catalogue;
use testbed::prometheus::scraped;
use testbed::prometheus::stat_name::{self, Series};
use testbed::tools;

use crate::faults;

pub fn trials() -> Vec<Trial> {
    vec![
        crate::trial("the_shipped_tags_take_every_label_out_of_every_name", || {
            crate::block_on(labels_are_whole(json!({})))
        }),
        crate::trial("istio_takes_every_label_out_of_every_name", || {
            crate::block_on(labels_are_whole(json!({ "stats_config": istio_stats_config()? })))
        }),
        crate::trial("without_tags_names_stay_readable", || crate::block_on(names_stay_readable())),
        crate::trial("every_shipped_list_of_tags_is_complete", every_list_is_complete),
        crate::trial("no_shipped_tag_swallows_its_neighbour", no_tag_swallows_its_neighbour),
    ]
}

/// Holds what Envoy makes of all names against what is in them.
async fn labels_are_whole(patch: Value) -> Result<()> {
    let (named, shown) = named_and_shown(&patch).await?;
    let lost = named.difference(&shown).map(|series| format!("not shown: {series:?}"));
    let odd = shown.difference(&named).map(|series| format!("shown instead: {series:?}"));
    faults::none(lost.chain(odd).collect())
}

/// The filter's series by the names that they have in Envoy, and as Prometheus sees them.
async fn named_and_shown(patch: &Value) -> Result<(BTreeSet<Series>, BTreeSet<Series>)> {
    let tools = crate::tools();
    let application = Application::start(&tools)?;
    let envoy = scraped::envoy(&tools)?
        .application("app", &application.addresses)
        .plugin_config(PluginConfig::Text(scraped::plugin_config()?.to_string()))
        .patch(patch)
        .start()
        .await?;
    let named = stat_name::on_page(&envoy.admin_get("/stats").await?);
    ensure!(named.len() > 20, "only {} series in /stats", named.len());
    let metrics = envoy.prometheus().await?;
    let shown = metrics.all().filter(|(name, _)| !name.starts_with("envoy_"));
    let shown = shown.filter_map(|(name, labels)| whole(name, labels)).collect();
    Ok((named, shown))
}

/// A series as its stat; `None` for those parts of a histogram that come on top.
fn whole(name: &str, labels: &std::collections::BTreeMap<String, String>) -> Option<Series> {
    if name.ends_with("_bucket") || name.ends_with("_sum") {
        return None;
    }
    Some((name.strip_suffix("_count").unwrap_or(name).to_owned(), labels.clone()))
}

/// The part of Istio's bootstrap that shapes our metrics: the tags that it makes of
/// `extraStatTags`, then those of its own that look into all names, and what it lets pass.
/// <https://github.com/istio/istio/blob/1.27.0/tools/packaging/common/envoy_bootstrap.json>
fn istio_stats_config() -> Result<Value> {
    let extra = extra_stat_tags(&observability().join("stat-tags.yaml"))?;
    let extra = extra.context("stat-tags.yaml has lost its annotation")?;
    let extra = extra.iter().map(|tag| (tag.as_str(), format!(r"({tag}=\.=(.*?);\.;)")));
    let own = [
        ("cache", r"(cache\.(.+?)\.)"),
        ("component", r"(component\.(.+?)\.)"),
        ("tag", r"(tag\.(.+?);\.)"),
        ("wasm_filter", r"(wasm_filter\.(.+?)\.)"),
    ];
    let tags = extra.chain(own.map(|(tag, regex)| (tag, regex.to_owned())));
    let tags: Vec<_> =
        tags.map(|(tag, regex)| json!({ "tag_name": tag, "regex": regex })).collect();
    Ok(json!({
        "use_all_default_tags": false,
        "stats_tags": tags,
        "stats_matcher": { "inclusion_list": { "patterns": [{ "prefix": "wasm" }] } },
    }))
}

async fn names_stay_readable() -> Result<()> {
    let (_, shown) = named_and_shown(&json!({ "stats_config": null })).await?;
    let names: BTreeSet<_> = shown.into_iter().map(|(name, _)| name).collect();
    let expected = [
        "probe___health___outcome___pass___heartbeat_probe_total",
        "probe___slow___heartbeat_breaker_state",
        "component___db___app_health_status",
        "heartbeat_http2_upstreams_total",
    ];
    let lost = expected.iter().filter(|name| !names.contains(**name));
    faults::none(lost.map(|name| format!("{name} isn't among {names:#?}")).collect())
}

/// Whatever ships a list of tags has one for each label of the filter's metrics, and of
/// the counters in the same file; Istio's, which has none, of the shipped ones.
/// The labels in the names of the hub's metrics.
fn labels_of_hub() -> Result<BTreeSet<String>> {
    let least = json!({
        "services": [{ "name": "payments", "members": [{ "id": "10.1.0.5:8080" }] }],
        "sources": [{ "name": "istio", "allow": { "cidrs": ["10.9.0.0/16"] }, "stale": "5s" }],
        "webhooks": [{ "name": "pager", "cluster": "pager", "path": "/hook" }],
    });
    let config =
        HubConfig::from_bytes(least.to_string().as_bytes(), Variables(|_| Some("set".to_owned())))?;
    let Plan { owner, webhooks, .. } = Plan::of(config);
    let (_, metrics) = Metrics::define(&owner.sources, &owner.services, &webhooks);
    let labels = metrics.iter().flat_map(|metric| metric.name.split(";.;"));
    Ok(labels.filter_map(|label| Some(label.split_once("=.=")?.0.to_owned())).collect())
}

fn every_list_is_complete() -> Result<()> {
    let of_filter = catalogue::labels(&catalogue::of_reference()?);
    let of_hub = labels_of_hub()?;
    let of_example = catalogue::labels(&catalogue::of_counters(&scraped::plugin_config()?));
    let mut faults = Vec::new();
    let (mut regexes, mut annotations) = (0, 0);
    for path in yaml_files(&tools::envoy_configs())? {
        let is_hubs = path.ends_with("mesh/hub.yaml");
        let of_module = if is_hubs { &of_hub } else { &of_filter };
        let mut compare = |list: Vec<String>, of_counters: &BTreeSet<String>| {
            let labels: Vec<_> = of_module.union(of_counters).cloned().collect();
            let mut sorted = list.clone();
            sorted.sort();
            if sorted != labels {
                faults.push(format!("{}: {list:?}, and there are {labels:?}", path.display()));
            }
        };
        if let Some(list) = stats_tags(&path)? {
            regexes += 1;
            compare(list, &labels_of_counters(&path)?);
        }
        if let Some(list) = extra_stat_tags(&path)? {
            annotations += 1;
            compare(list, &of_example);
        }
    }
    ensure!(regexes >= 4 && annotations >= 1, "{regexes} files have regexes, {annotations} lists");
    faults::none(faults)
}

/// The labels of the counters that the Envoy configuration at `path` has.
fn labels_of_counters(path: &Path) -> Result<BTreeSet<String>> {
    let documents = documents(path)?;
    let configs =
        documents.iter().flat_map(strings).filter_map(|text| serde_json::from_str(text).ok());
    Ok(configs
        .flat_map(|config: Value| catalogue::labels(&catalogue::of_counters(&config)))
        .collect())
}

/// Every string in `value`, one of which is the filter's configuration.
fn strings(value: &Value) -> Vec<&str> {
    match value {
        Value::String(text) => vec![text],
        Value::Array(list) => list.iter().flat_map(strings).collect(),
        Value::Object(object) => object.values().flat_map(strings).collect(),
        _ => vec![],
    }
}

fn no_tag_swallows_its_neighbour() -> Result<()> {
    let mut faults = Vec::new();
    for path in yaml_files(&tools::envoy_configs().join("static"))? {
        for tag in configured_tags(&path)? {
            let label = tag["tag_name"].as_str().context("a tag without a name")?;
            let regex = Regex::new(tag["regex"].as_str().context("a tag without a regex")?)?;
            for (stat, value) in neighbours(label) {
                let taken = regex.captures(&stat).and_then(|found| found.get(2));
                let taken = taken.map(|value| value.as_str());
                if taken != value {
                    faults.push(format!("{}: {label} takes {taken:?} of {stat}", path.display()));
                }
            }
        }
    }
    faults::none(faults)
}

/// Names in which `label` has neighbours, and what its regex must take out of each.
fn neighbours(label: &str) -> [(String, Option<&'static str>); 6] {
    [
        (format!("wasmcustom.{label}=.=a;.;x=.=b;.;total"), Some("a")),
        (format!("wasmcustom.x=.=b;.;{label}=.=a;.;total"), Some("a")),
        (format!("wasmcustom.x_{label}=.=b;.;{label}=.=a;.;{label}_x=.=c;.;total"), Some("a")),
        (format!("wasmcustom.x_{label}=.=a;.;total"), None),
        (format!("wasmcustom.{label}_x=.=a;.;total"), None),
        // No Wasm module's.
        (format!("cluster.{label}=.=a;.;total"), None),
    ]
}

fn observability() -> PathBuf {
    testbed::prometheus::shipped()
}

fn yaml_files(folder: &Path) -> Result<Vec<PathBuf>> {
    let mut files = Vec::new();
    for entry in folder.read_dir().with_context(|| format!("can't read {}", folder.display()))? {
        let path = entry?.path();
        if path.is_dir() {
            files.extend(yaml_files(&path)?);
        } else if path.extension().is_some_and(|extension| extension == "yaml") {
            files.push(path);
        }
    }
    files.sort();
    Ok(files)
}

/// The `stats_tags` of the Envoy configuration at `path`.
fn configured_tags(path: &Path) -> Result<Vec<Value>> {
    let tags =
        documents(path)?.into_iter().find_map(|it| it.pointer("/stats_config/stats_tags").cloned());
    Ok(tags.and_then(|tags| tags.as_array().cloned()).unwrap_or_default())
}

/// The labels that they are for; `None` if there are none.
fn stats_tags(path: &Path) -> Result<Option<Vec<String>>> {
    let tags = configured_tags(path)?;
    let names = tags.iter().filter_map(|tag| Some(tag["tag_name"].as_str()?.to_owned()));
    Ok(Some(names.collect::<Vec<_>>()).filter(|names| !names.is_empty()))
}

/// The labels in an annotation anywhere in the file at `path`, be it of its own
/// (`sidecar.istio.io/extraStatTags: a,b`) or a part of the proxy's configuration
/// (`extraStatTags: [a, b]` in `proxy.istio.io/config`).
fn extra_stat_tags(path: &Path) -> Result<Option<Vec<String>>> {
    let text = std::fs::read_to_string(path)?;
    let mut lines = text.lines().filter(|line| !line.trim_start().starts_with('#'));
    let list = lines.find_map(|line| line.split_once("extraStatTags:"));
    Ok(list.map(|(_, list)| {
        let labels = list.split(|c: char| !c.is_ascii_alphanumeric() && c != '_');
        labels.filter(|label| !label.is_empty()).map(str::to_owned).collect()
    }))
}

fn documents(path: &Path) -> Result<Vec<Value>> {
    let text = std::fs::read_to_string(path)?;
    serde_saphyr::from_multiple(&text)
        .map_err(|error| anyhow::anyhow!("{}: {error}", path.display()))
}
