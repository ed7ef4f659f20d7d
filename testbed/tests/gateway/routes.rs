//! Which routes have the module.

use anyhow::{Result, ensure};
use serde_json::{Value, json};
use testbed::tools::Tools;

use crate::bed::Bed;
use crate::policy::Policy;

/// Takes in all that no other route does.
pub fn everything() -> String {
    route("everything", json!({ "type": "PathPrefix", "value": "/" }))
}

/// Takes in one path.
pub fn exact(name: &str, path: &str) -> String {
    route(name, json!({ "type": "Exact", "value": path }))
}

fn route(name: &str, path: Value) -> String {
    let backend =
        json!({ "group": "gateway.envoyproxy.io", "kind": "Backend", "name": "payments" });
    json!({
        "apiVersion": "gateway.networking.k8s.io/v1", "kind": "HTTPRoute",
        "metadata": { "name": name, "namespace": "shop" },
        "spec": {
            "parentRefs": [{ "name": "public" }],
            "rules": [{ "matches": [{ "path": path }], "backendRefs": [backend] }],
        },
    })
    .to_string()
}

/// A policy for a gateway is at work on all its routes but those that have one of their own.
pub async fn a_route_may_have_a_policy_of_its_own(tools: &Tools) -> Result<()> {
    let bed = Bed::start(tools).await?;
    let policy = Policy::shipped(&bed.image)?;
    bed.gateway.apply("routes", &exact("probes", "/lb-health"))?;
    bed.gateway.apply("policy", &policy.to_string())?;
    bed.answers("/lb-health", 200).await?;

    // One without a module.
    let none = json!({
        "apiVersion": "gateway.envoyproxy.io/v1alpha1", "kind": "EnvoyExtensionPolicy",
        "metadata": { "name": "none", "namespace": "shop" },
        "spec": { "targetRefs": [
            { "group": "gateway.networking.k8s.io", "kind": "HTTPRoute", "name": "probes" },
        ] },
    });
    bed.gateway.apply("none", &none.to_string())?;
    bed.answers("/lb-health", 404).await?;
    bed.gateway.remove("none")?;
    bed.answers("/lb-health", 200).await?;
    Ok(())
}

/// A policy for a route spares all others the module.
pub async fn other_routes_are_spared(tools: &Tools) -> Result<()> {
    let bed = Bed::start(tools).await?;
    bed.gateway.apply("routes", &exact("probes", "/lb-health"))?;
    let probe = |name: &str, path: &str| json!({ "name": name, "match": { "path": path }, "action": "respond" });
    let probes = json!([probe("lb", "/lb-health"), probe("elsewhere", "/elsewhere")]);
    let policy = Policy::shipped(&bed.image)?.for_route("probes")?;
    bed.gateway.apply("policy", &policy.with("/spec/wasm/0/config/probes", probes)?.to_string())?;
    bed.answers("/lb-health", 200).await?;
    bed.answers("/elsewhere", 404).await
}

/// Where no route takes in the path, the module isn't asked, nor is anybody else.
pub async fn a_probe_needs_a_route(tools: &Tools) -> Result<()> {
    let bed = Bed::start(tools).await?;
    bed.gateway.apply("policy", &Policy::shipped(&bed.image)?.to_string())?;
    bed.answers("/lb-health", 200).await?;
    bed.gateway.apply("routes", &exact("orders", "/orders/1"))?;
    bed.gateway.remove("everything")?;
    bed.answers("/lb-health", 404).await?;
    bed.application.take_seen().await?;
    bed.answers("/lb-health", 404).await?;
    let seen = bed.application.take_seen().await?;
    ensure!(seen.is_empty(), "the application was asked: {seen:?}");
    bed.answers("/orders/1", 200).await
}
