//! The module comes from a registry, or doesn't.

use std::time::Duration;

use anyhow::{Result, ensure};
use serde_json::json;
use testbed::client::http::Request;
use testbed::tools::Tools;

use super::{PAYMENTS, Workload, deployment, mesh, plugin, registry};

/// A configuration that is told from others by the path that it answers.
fn answering(path: &str) -> serde_json::Value {
    json!({ "probes": [{ "name": "version", "match": { "path": path }, "action": "respond" }] })
}

/// By a tag alone, by the manifest's digest beside it as shipped, by the digest in the
/// address, and in both forms that are pushed.
pub async fn digests(tools: &Tools) -> Result<()> {
    let (_registry, pushed) = registry(tools)?;
    let mesh = mesh(tools).await?;
    let shipped = plugin(":0.1.0", Some(&pushed.image))?;
    mesh.istiod.apply(&shipped.to_string()).await?;
    let workload = Workload::start(tools, &mesh, &deployment()?, PAYMENTS).await?;
    workload.answers("/readyz", 200).await?;
    workload.answers("/livez", 200).await?;
    workload.took_all().await?;

    let by_digest = format!("@sha256:{}", pushed.image);
    let ways = [
        (":0.1.0", None),
        (by_digest.as_str(), None),
        (":0.1.0-artifact", Some(pushed.artifact.as_str())),
    ];
    for (number, (reference, sha256)) in ways.into_iter().enumerate() {
        let mut plugin = plugin(reference, sha256)?;
        let path = format!("/way/{number}");
        plugin["spec"]["pluginConfig"] = answering(&path);
        mesh.istiod.apply(&plugin.to_string()).await?;
        workload.answers(&path, 200).await?;
    }
    workload.took_all().await
}

/// What requests get where the digest is another one, by `failStrategy`; and that the
/// right one mends it.
pub async fn failures(tools: &Tools) -> Result<()> {
    let (_registry, pushed) = registry(tools)?;
    let mesh = mesh(tools).await?;
    let wrong = "0".repeat(64);
    let mut broken = plugin(":0.1.0", Some(&wrong))?;
    mesh.istiod.apply(&broken.to_string()).await?;
    let workload = Workload::start(tools, &mesh, &deployment()?, PAYMENTS).await?;
    for (strategy, orders, probes) in
        [("FAIL_RELOAD", 403, 403), ("FAIL_OPEN", 200, 200), ("FAIL_CLOSE", 403, 403)]
    {
        broken["spec"]["failStrategy"] = json!(strategy);
        mesh.istiod.apply(&broken.to_string()).await?;
        let answer = workload.answers("/orders/1", orders).await?;
        ensure!(orders == 200 || answer.text() == "RBAC: access denied", "{}", answer.text());
        workload.answers("/readyz", probes).await?;
    }
    // Where it's open the application answers, and the filter isn't there.
    ensure!(workload.pod.log("agent.log").contains("which does not match"), "{}", workload.log());

    let mut right = plugin(":0.1.0", Some(&pushed.image))?;
    mesh.istiod.apply(&right.to_string()).await?;
    workload.answers("/orders/1", 200).await?;
    workload.answers("/readyz", 200).await?;

    // A proxy that runs well and is given a wrong digest stops answering, too.
    right["spec"]["sha256"] = json!(wrong);
    mesh.istiod.apply(&right.to_string()).await?;
    workload.answers("/orders/1", 403).await?;
    workload.took_all().await
}

/// The registry is away when the pod starts, comes back, and goes again.
pub async fn outages(tools: &Tools) -> Result<()> {
    let (mut registry, pushed) = registry(tools)?;
    let mesh = mesh(tools).await?;
    let mut plugin = plugin(":0.1.0", Some(&pushed.image))?;
    mesh.istiod.apply(&plugin.to_string()).await?;
    registry.stop();
    let workload = Workload::start(tools, &mesh, &deployment()?, PAYMENTS).await?;
    workload.answers("/orders/1", 403).await?;

    // Nobody tries again until istiod has something new to say, if only an annotation.
    registry.start()?;
    tokio::time::sleep(Duration::from_secs(3)).await;
    workload.answers("/orders/1", 403).await?;
    plugin["metadata"]["annotations"] = json!({ "example.com/again": "1" });
    // The API server counts changes.
    plugin["metadata"]["resourceVersion"] = json!("2");
    mesh.istiod.apply(&plugin.to_string()).await?;
    workload.answers("/readyz", 200).await?;

    // What is there stays, and takes new configurations.
    registry.stop();
    plugin["spec"]["pluginConfig"] = answering("/v/3");
    mesh.istiod.apply(&plugin.to_string()).await?;
    workload.answers("/v/3", 200).await?;

    // Another image is not there, and all requests are refused.
    plugin["spec"]["url"] =
        json!(format!("oci://{}/heartbeat-filter:0.1.0-artifact", super::REGISTRY));
    plugin["spec"]["sha256"] = json!(pushed.artifact);
    mesh.istiod.apply(&plugin.to_string()).await?;
    workload.answers("/orders/1", 403).await?;

    // Back to the image that the agent still has.
    plugin["spec"]["url"] = json!(format!("oci://{}/heartbeat-filter:0.1.0", super::REGISTRY));
    plugin["spec"]["sha256"] = json!(pushed.image);
    mesh.istiod.apply(&plugin.to_string()).await?;
    workload.answers("/v/3", 200).await?;
    let answer = workload.ask(super::PROBES, Request::new("GET", "/orders/1")).await?;
    ensure!(answer.status == 200, "{}", answer.status);
    workload.took_all().await
}
