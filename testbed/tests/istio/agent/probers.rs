//! Kubelet's probes, as they stand in the pod once it was injected.

use anyhow::{Context, Result, anyhow, ensure};
use serde_json::{Map, Value, json};
use testbed::app::behaviour::Behaviour;
use testbed::client::http::{Request, Response};
use testbed::tools::{self, Tools};

use super::metrics::scrape;
use super::{PAYMENTS, PROBES, Workload, deployment, mesh, plugin, registry};
use crate::network::run;

/// As shipped: they come in by Envoy, and the filter has them.
pub async fn left_alone(tools: &Tools) -> Result<()> {
    let (_registry, pushed) = registry(tools)?;
    let mesh = mesh(tools).await?;
    mesh.istiod.apply(&plugin(":0.1.0", Some(&pushed.image))?.to_string()).await?;
    let workload = Workload::start(tools, &mesh, &deployment()?, PAYMENTS).await?;
    workload.answers("/readyz", 200).await?;
    let before = scrape(&workload).await?.sum("heartbeat_probe_total");

    workload.application.take_seen().await?;
    for probe in ["livenessProbe", "readinessProbe", "startupProbe"] {
        let answer = kubelet(&workload, probe).await?;
        ensure!(answer.status == 200, "{probe}: {}", answer.status);
    }
    let seen = workload.application.take_seen().await?;
    let marked = |seen: &&testbed::app::record::Seen| {
        seen.headers.iter().any(|(name, value)| name == "x-heartbeat-probe" && value == "liveness")
    };
    ensure!(seen.iter().filter(marked).count() == 2, "two of them are forwarded: {seen:?}");
    let counted = scrape(&workload).await?.sum("heartbeat_probe_total") - before;
    ensure!(counted == 3.0, "{counted} of 3 are counted");

    // What the proxy knows, kubelet is told.
    drain(tools, &workload)?;
    workload.answers("/readyz", 503).await?;
    ensure!(kubelet(&workload, "readinessProbe").await?.status == 503, "ready while it drains");
    ensure!(kubelet(&workload, "livenessProbe").await?.status == 200, "dead while it drains");
    Ok(())
}

/// Where Istio rewrites them they go by the agent, past the filter; that has what others ask.
pub async fn rewritten(tools: &Tools) -> Result<()> {
    let (_registry, pushed) = registry(tools)?;
    let mesh = mesh(tools).await?;
    mesh.istiod.apply(&plugin(":0.1.0", Some(&pushed.image))?.to_string()).await?;
    let mut deployment = deployment()?;
    let annotations = &mut deployment["spec"]["template"]["metadata"]["annotations"];
    let annotations = annotations.as_object_mut().context("no annotations")?;
    annotations.remove("sidecar.istio.io/rewriteAppHTTPProbers").context("nothing to remove")?;
    name_labels_otherwise(annotations)?;
    let workload = Workload::start(tools, &mesh, &deployment, PAYMENTS).await?;
    workload.answers("/readyz", 200).await?;
    let metrics = scrape(&workload).await?;
    let before = metrics.sum("heartbeat_probe_total");
    let labelled = metrics.get(r#"heartbeat_probe_total{outcome="pass",probe="readiness"}"#)?;
    ensure!(labelled.is_some_and(|count| count > 0.0), "the labels of stat-tags.yaml: {before}");

    let rewritten = &workload.injected.container("payments")?["livenessProbe"]["httpGet"];
    ensure!(
        rewritten["path"] == "/app-health/payments/livez" && rewritten["port"] == 15020,
        "injected: {rewritten}"
    );
    workload.application.take_seen().await?;
    for probe in ["livenessProbe", "readinessProbe", "startupProbe"] {
        let answer = kubelet(&workload, probe).await?;
        ensure!(answer.status == 200, "{probe}: {}", answer.status);
    }
    let seen = workload.application.take_seen().await?;
    let lives: Vec<_> = seen.iter().filter(|seen| seen.path() == "/livez").collect();
    let marks = |name: &str| name == "x-heartbeat-probe";
    let marked = lives.iter().any(|seen| seen.headers.iter().any(|(name, _)| marks(name)));
    ensure!(lives.len() == 2 && !marked, "the application saw {seen:?}");
    let counted = scrape(&workload).await?.sum("heartbeat_probe_total") - before;
    ensure!(counted == 0.0, "{counted} of those that pass by are counted");

    // Kubelet hears what the application says, and nothing of what the proxy knows.
    drain(tools, &workload)?;
    workload.answers("/readyz", 503).await?;
    ensure!(kubelet(&workload, "readinessProbe").await?.status == 200, "the agent knows of it");
    let broken: Behaviour =
        serde_json::from_value(json!({ "paths": { "/readyz": { "status": 503 } } }))?;
    workload.application.behave(&broken).await?;
    ensure!(kubelet(&workload, "readinessProbe").await?.status == 503, "ready while it's broken");
    Ok(())
}

/// Istio has two annotations for labels: here it is that of stat-tags.yaml.
fn name_labels_otherwise(annotations: &mut Map<String, Value>) -> Result<()> {
    let config = annotations.get_mut("proxy.istio.io/config").context("no configuration")?;
    let lines = config.as_str().unwrap_or_default().lines();
    let others: Vec<_> = lines.clone().filter(|line| !line.contains("extraStatTags")).collect();
    ensure!(others.len() + 1 == lines.count(), "no labels to take out");
    *config = json!(others.join("\n"));
    let path = tools::envoy_configs().join("observability/stat-tags.yaml");
    let shipped: Value = serde_saphyr::from_str(&std::fs::read_to_string(path)?)
        .map_err(|error| anyhow!("{error}"))?;
    let shipped = shipped["spec"]["template"]["metadata"]["annotations"].as_object();
    annotations.extend(shipped.context("no annotations")?.clone());
    Ok(())
}

/// Probes as kubelet does, by what stands in the pod.
async fn kubelet(workload: &Workload, probe: &str) -> Result<Response> {
    let container = workload.injected.container("payments")?;
    let get = &container[probe]["httpGet"];
    let named = |name: &str| {
        let ports = container["ports"].as_array().into_iter().flatten();
        ports.clone().find(|port| port["name"] == name).map(|port| port["containerPort"].clone())
    };
    let port = match &get["port"] {
        Value::String(name) => named(name).with_context(|| format!("no port {name}"))?,
        number => number.clone(),
    };
    let port = port.as_u64().and_then(|port| port.try_into().ok()).context("no port")?;
    ensure!([PROBES, 15020].contains(&port), "{probe} goes to {port}");
    let path = get["path"].as_str().context("no path")?;
    let host = format!("{}:{port}", workload.pod.address);
    let request = Request::new("GET", path).header("host", &host);
    workload.ask(port, request.header("user-agent", "kube-probe/1.37")).await
}

/// Has Envoy say that it drains, as the hooks of the pages do.
fn drain(tools: &Tools, workload: &Workload) -> Result<()> {
    let mut agent = workload.pod.command(tools.istio("pilot-agent")?);
    run(agent.args(["request", "POST", "healthcheck/fail"])).map(drop)
}
