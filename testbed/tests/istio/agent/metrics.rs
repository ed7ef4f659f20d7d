//! What Prometheus gets from the agent's merged endpoint, with nothing but what the shipped
//! Deployment's annotations say.

use std::collections::BTreeSet;

use anyhow::{Context, Result, ensure};
use serde_json::Value;
use testbed::client::http::Request;
use testbed::metrics::Metrics;
use testbed::prometheus::catalogue;
use testbed::tools::Tools;

use super::{PAYMENTS, PROBES, Workload, deployment, mesh, plugin, registry};

/// Every metric of the filter's is there, under its own name and with its own labels.
pub async fn labels(tools: &Tools) -> Result<()> {
    let (_registry, pushed) = registry(tools)?;
    let mesh = mesh(tools).await?;
    let plugin = plugin(":0.1.0", Some(&pushed.image))?;
    mesh.istiod.apply(&plugin.to_string()).await?;
    let deployment = deployment()?;
    let workload = Workload::start(tools, &mesh, &deployment, PAYMENTS).await?;
    workload.answers("/readyz", 200).await?;
    let order = Request::new("GET", "/orders/1").header("x-payment-id", "1");
    let order = order.header("x-order-type", "retail");
    ensure!(workload.ask(PROBES, order).await?.status == 200, "the order failed");

    let metrics = scrape(&workload).await?;
    let paid = metrics.get(r#"payment_request_success{order_type="retail"}"#)?;
    ensure!(paid == Some(1.0), "one order was paid, and {paid:?} are counted");
    let mut catalogue = catalogue::of_reference()?;
    catalogue.extend(catalogue::of_counters(&plugin["spec"]["pluginConfig"]));
    for (name, labels) in metrics.all() {
        // What has no label of its own is part of the name.
        let known = catalogue.keys().find(|known| name.ends_with(known.as_str()));
        let Some(known) = known.filter(|_| !name.starts_with("envoy_")) else { continue };
        let labels: BTreeSet<_> = labels.keys().filter(|label| *label != "le").cloned().collect();
        ensure!(
            name == known && catalogue.get(known) == Some(&labels),
            "{name} with {labels:?}, not {known} with {:?}",
            catalogue.get(known)
        );
    }
    for name in ["heartbeat_build_info", "heartbeat_check_total", "heartbeat_evidence_up"] {
        ensure!(!metrics.series(name).is_empty(), "no {name}");
    }
    // Envoy's own part of it has a port, too.
    let envoys = workload.ask(15090, Request::new("GET", "/stats/prometheus")).await?;
    ensure!(envoys.text().contains("heartbeat_build_info{"), "port 15090: {}", envoys.status);
    speaks_http1(&workload, &deployment).await
}

/// What the annotation lets through, by which the filter knows how the application speaks.
async fn speaks_http1(workload: &Workload, deployment: &Value) -> Result<()> {
    let annotations = &deployment["spec"]["template"]["metadata"]["annotations"];
    let config = annotations["proxy.istio.io/config"].as_str().context("no configuration")?;
    ensure!(config.contains("upstream_cx_http"), "nothing is let through");
    workload.answers("/livez", 200).await?;
    let seen = workload.admin("/stats?filter=upstream_cx_http1_total").await?;
    let cluster = format!("cluster.inbound|{PROBES}||;.upstream_cx_http1_total: ");
    let line = seen.lines().find(|line| line.starts_with(&cluster)).unwrap_or_default();
    ensure!(!line.is_empty() && !line.ends_with(": 0"), "the application's HTTP/1.1: {seen}");
    Ok(())
}

/// What Prometheus would get.
pub async fn scrape(workload: &Workload) -> Result<Metrics> {
    let page = workload.ask(15020, Request::new("GET", "/stats/prometheus")).await?;
    ensure!(page.status == 200, "{}", page.status);
    Metrics::parse(&page.text())
}
