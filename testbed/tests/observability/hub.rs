//! The alerts about hubs, on what a real hub shows.

use std::collections::BTreeSet;
use std::net::{Ipv4Addr, SocketAddr};
use std::time::Duration;

use anyhow::{Context, Result, ensure};
use libtest_mimic::Trial;
use regex::Regex;
use serde_json::json;
use testbed::mesh::{self, Hub, Place, Source, event};
use testbed::prometheus::Prometheus;
use testbed::prometheus::rules::{self, Rule};
use testbed::tools;

use crate::faults;

pub fn trials() -> Vec<Trial> {
    vec![
        crate::trial("the_alerts_about_hubs_find_what_they_look_for_at_a_real_one", || {
            crate::block_on(on_a_real_hub())
        }),
        crate::trial("the_page_on_running_hubs_names_the_alerts_about_them", on_the_page),
    ]
}

fn alerts() -> Result<Vec<Rule>> {
    let ours = |rule: &Rule| rule.alert.is_some() && rule.expr.contains("heartbeat_mesh_");
    let ours: Vec<_> = rules::all()?.into_iter().filter(ours).collect();
    ensure!(!ours.is_empty(), "there are no alerts about hubs");
    Ok(ours)
}

async fn on_a_real_hub() -> Result<()> {
    let (tools, authority) = (crate::tools(), mesh::authority()?);
    let instance = SocketAddr::from((Ipv4Addr::new(127, 128, 0, 1), 80));
    let allow = json!({ "cidrs": [format!("{}/32", Source::address(1))], "address": "trusted" });
    let config = json!({
        "services": [{ "name": "payments", "members": [{ "id": instance.to_string() }] }],
        "sources": [{ "name": "edge", "allow": allow, "stale": "60s" }],
        "readers": { "cidrs": ["127.0.0.1/32"], "address": "trusted" },
        "webhooks": [{ "name": "pager", "cluster": "pager", "path": "/", "retries": 0 }],
    });
    let builder = mesh::envoy_of_hub(&tools, &authority, &config)?
        .destination("pager", Place::choose()?.mesh())
        .patch(&json!({ "stats_flush_interval": "1s" }));
    let hub = Hub::start(builder).await?;
    let prometheus = Prometheus::start(&tools, hub.envoy.admin).await?;
    let mut source = Source::new(1, hub.people);
    // Something that it takes, and something that it doesn't.
    let mut strange = event(instance, "pass");
    strange["instance_id"] = json!("nobody");
    let load = async {
        for status in ["fail", "pass"].iter().cycle() {
            source.says(instance, status).await?;
            source.post(&strange).await?;
            tokio::time::sleep(Duration::from_millis(300)).await;
        }
        Ok(())
    };
    let look = faults::eventually(async || missing(&prometheus).await);
    tokio::select! {
        looked = look => looked,
        failed = load => failed,
    }
}

/// What alerts look for and don't find, and those that must find something here and don't.
async fn missing(prometheus: &Prometheus) -> Result<Vec<String>> {
    let selector = Regex::new(r"heartbeat_mesh_\w+(\{[^}]*\})?")?;
    let mut faults = Vec::new();
    for Rule { alert, expr, .. } in alerts()? {
        let alert = alert.context("it has no name")?;
        for found in selector.find_iter(&expr) {
            if prometheus.query(found.as_str()).await?.is_empty() {
                faults.push(format!("{alert}: no series {}", found.as_str()));
            }
        }
        let goes_wrong = ["HeartbeatEventsRefused", "HeartbeatWebhookLosing"].contains(&&*alert);
        if prometheus.query(&expr).await?.is_empty() && goes_wrong {
            faults.push(format!("{alert}: it isn't noticed"));
        }
    }
    Ok(faults)
}

fn on_the_page() -> Result<()> {
    let page = std::fs::read_to_string(tools::workspace().join("docs/mesh/operations.md"))?;
    let named: BTreeSet<_> = Regex::new("`(Heartbeat[A-Za-z]+)`")?
        .captures_iter(&page)
        .map(|found| found[1].to_owned())
        .collect();
    let all = alerts()?.into_iter().filter_map(|rule| rule.alert);
    let all: BTreeSet<_> = all.chain(["HeartbeatPublishFailing".to_owned()]).collect();
    faults::none(named.symmetric_difference(&all).map(ToString::to_string).collect())
}
