//! What a sidecar of Istio must show of Envoy, so that the rules find it.

use std::collections::BTreeSet;

use anyhow::{Context, Result, ensure};
use libtest_mimic::Trial;
use regex::Regex;
use serde_json::Value;
use testbed::prometheus::{rules, shipped};

use crate::faults;

/// Of this many statistics the rules make something, at least.
const LEAST: usize = 20;

/// What looks like one, and is a label.
const LABELS: [&str; 2] = ["envoy_cluster_name", "envoy_listener_address"];

pub fn trials() -> Vec<Trial> {
    vec![crate::trial("istio_is_told_to_show_each_statistic_that_rules_ask_for", each_is_shown)]
}

fn each_is_shown() -> Result<()> {
    let included = included()?;
    let series = Regex::new(r"\benvoy_(cluster|listener)_(\w+)")?;
    let mut asked = BTreeSet::new();
    for rule in rules::all()? {
        let series = series.captures_iter(&rule.expr);
        let series = series.filter(|it| !LABELS.contains(&&it[0]));
        asked.extend(series.map(|it| stat(&it[1], &it[2])));
    }
    ensure!(asked.len() >= LEAST, "the rules ask for {asked:?} only");
    faults::none(asked.into_iter().filter(|stat| !included.is_match(stat)).collect())
}

/// What the annotation includes. Envoy holds the whole name against it.
fn included() -> Result<Regex> {
    let text = std::fs::read_to_string(shipped().join("proxy-stats.yaml"))?;
    let patch: Value = serde_saphyr::from_str(&text)?;
    let annotations = &patch["spec"]["template"]["metadata"]["annotations"];
    let list = annotations["sidecar.istio.io/statsInclusionRegexps"].as_str();
    let list = list.context("proxy-stats.yaml has lost its annotation")?;
    ensure!(!list.contains(','), "Istio takes a comma for the end of a regex: {list}");
    Ok(Regex::new(&format!("^(?:{list})$"))?)
}

/// A statistic as a sidecar of Istio names it, from its name in Prometheus.
fn stat(of: &str, name: &str) -> String {
    let name = name.strip_suffix("_bucket").unwrap_or(name);
    let name = name.replace("ssl_certificate_", "ssl.certificate.default.");
    let name = name.replace("ssl_", "ssl.").replace("rq_xx", "rq_5xx");
    match of {
        "cluster" => format!("cluster.outbound|80||payments.money.svc.cluster.local;.{name}"),
        _ => format!("listener.0.0.0.0_15006.{name}"),
    }
}
