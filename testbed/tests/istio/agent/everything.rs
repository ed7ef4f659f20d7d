//! Everything that is shipped for a sidecar, word for word, in a pod.

use anyhow::{Context, Result, ensure};
use serde_json::json;
use testbed::app::behaviour::Behaviour;
use testbed::client::http::Request;
use testbed::tools::{self, Tools};

use super::hub::Hub;
use super::mesh::{Mesh, Root};
use super::{PAYMENTS, REGISTRY, Workload, deployment, mesh, mesh_of, plugin, registry};
use crate::network::NODE;
use crate::together::allow_all;

/// What stands beside the plugin.
const BESIDE: [&str; 6] = [
    "istio/peer-authentication.yaml",
    "istio/telemetry.yaml",
    "istio/grpc-responder.yaml",
    "istio/grpc-responder-policy.yaml",
    "istio/probe-connections.yaml",
    "istio/external-payments.yaml",
];

/// All of it at once, with nothing changed but where the image is.
pub async fn together(tools: &Tools) -> Result<()> {
    let (_registry, pushed) = registry(tools)?;
    let mesh = mesh(tools).await?;
    mesh.istiod.apply(&plugin(":0.1.0", Some(&pushed.image))?.to_string()).await?;
    for file in BESIDE {
        mesh.istiod.apply(&text(file)?).await.with_context(|| file.to_owned())?;
    }
    let workload = Workload::start(tools, &mesh, &deployment()?, PAYMENTS).await?;
    workload.answers("/readyz", 200).await?;
    // The policy of the responder is the only one that allows anything, and a probe that goes
    // on to the application must be allowed as all else.
    workload.answers("/livez", 403).await?;
    workload.answers("/orders/1", 403).await?;
    mesh.istiod.apply(&allow_all()).await?;
    workload.answers("/livez", 200).await?;
    workload.answers("/orders/1", 200).await?;

    let responder = ([127, 0, 0, 1], 15099).into();
    let answer = workload.pod.fetch(responder, Request::new("GET", "/.heartbeat/grpc")).await?;
    ensure!(answer.status == 200 && answer.text() == "heartbeat\n", "{}", answer.text());
    let own = workload.admin("/clusters?filter=heartbeat_probes").await?;
    let own = own.lines().find(|line| line.contains("::rq_total::")).unwrap_or_default();
    ensure!(
        !own.is_empty() && !own.ends_with("::0"),
        "no probe has a connection of its own: {own}"
    );
    // Envoy writes it once a second.
    tokio::time::sleep(std::time::Duration::from_millis(1500)).await;
    let log = workload.pod.log("agent.log");
    ensure!(log.contains("GET /orders/1"), "the access log has no order");
    ensure!(!log.contains("\"GET /livez"), "the access log has probes in spite of telemetry.yaml");
    workload.took_all().await?;

    // The EnvoyFilter in the place of the plugin: the agent fetches its image, too.
    mesh.istiod.remove(&plugin(":0.1.0", None)?.to_string()).await?;
    let first = text("istio/before-ext-authz.yaml")?
        .replace("registry.example.com", REGISTRY)
        .replace(&"0".repeat(64), &pushed.image);
    mesh.istiod.apply(&first).await?;
    workload.answers("/readyz", 200).await?;
    workload.answers("/livez", 200).await?;
    workload.took_all().await
}

/// publish.yaml, and a hub outside of the mesh that knows the pods by Istio's certificates.
pub async fn published(tools: &Tools) -> Result<()> {
    let (_registry, pushed) = registry(tools)?;
    let root = Root::new()?;
    let mesh: Mesh = mesh_of(tools, &root, NODE, "cluster.local", &[]).await?;
    let hub = Hub::start(tools, &root)?;
    let published = text("istio/publish.yaml")?
        .replace("registry.example.com", REGISTRY)
        .replace(&"0".repeat(64), &pushed.image);
    mesh.istiod.apply(&published).await?;
    let workload = Workload::start(tools, &mesh, &deployment()?, PAYMENTS).await?;
    workload.answers("/readyz", 200).await?;
    hub.says("alive").await.with_context(|| workload.log())?;
    let broken: Behaviour =
        serde_json::from_value(json!({ "paths": { "/readyz": { "status": 503 } } }))?;
    workload.application.behave(&broken).await?;
    hub.says("dead").await.with_context(|| workload.log())?;
    workload.application.behave(&Behaviour::default()).await?;
    hub.says("alive").await.with_context(|| workload.log())?;
    workload.took_all().await?;
    // The pod is killed, and its silence tells.
    drop(workload);
    hub.says("dead").await
}

/// A shipped file, word for word.
fn text(file: &str) -> Result<String> {
    let path = tools::envoy_configs().join(file);
    std::fs::read_to_string(&path).with_context(|| path.display().to_string())
}
