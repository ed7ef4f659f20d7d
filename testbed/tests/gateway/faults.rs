//! What requests get when something is wrong, and what it takes until nothing is.

use anyhow::{Result, ensure};
use serde_json::json;
use testbed::tools::Tools;

use crate::bed::Bed;
use crate::chain;
use crate::image::Form;
use crate::policy::Policy;
use crate::routes;

/// An Envoy that has the module from no earlier policy loads it late, so that nothing can
/// refuse the configuration any more.
pub async fn a_wrong_configuration_at_start(tools: &Tools) -> Result<()> {
    let mut bed = Bed::prepare(tools, Form::Image, &json!({}))?;
    let policy = Policy::shipped(&bed.image)?.for_route("probes")?;
    bed.gateway.apply("routes", &routes::exact("probes", "/lb-health"))?;
    for (open, status) in [(false, 503), (true, 404)] {
        let wrong = policy.clone().misspelt()?.fail_open(open)?;
        bed.gateway.apply("policy", &wrong.to_string())?;
        bed.gateway.start().await?;
        bed.answers("/lb-health", status).await?;
        bed.logs(r#"probs: unknown key; did you mean "probes"?"#, 1).await?;
        // Nor is it loaded anew for every request.
        bed.goes_on_answering("/lb-health", status).await?;
        bed.answers("/orders/1", 200).await?;
        bed.took_all().await?;

        bed.gateway.apply("policy", &policy.to_string())?;
        bed.answers("/lb-health", 200).await?;
        bed.gateway.stop()?;
    }
    Ok(())
}

/// A listener comes whole or not at all, so what others change of it waits.
pub async fn the_listener_held_back(tools: &Tools) -> Result<()> {
    let bed = Bed::start(tools).await?;
    let policy = Policy::shipped(&bed.image)?;
    bed.gateway.apply("policy", &policy.to_string())?;
    bed.answers("/lb-health", 200).await?;
    bed.gateway.apply("policy", &policy.clone().misspelt()?.to_string())?;
    bed.logs("Envoy rejected the last update", 1).await?;

    let limit = chain::other("BackendTrafficPolicy", &chain::one_in_an_hour());
    bed.gateway.apply("limit", &limit)?;
    bed.logs("Envoy rejected the last update", 2).await?;
    bed.goes_on_answering("/orders/1", 200).await?;

    bed.gateway.apply("policy", &policy.to_string())?;
    bed.answers("/orders/1", 429).await
}

/// Not only Envoys that start: those that run lose what they had.
pub async fn a_wrong_digest(tools: &Tools) -> Result<()> {
    let bed = Bed::start(tools).await?;
    let policy = Policy::shipped(&bed.image)?;
    bed.gateway.apply("policy", &policy.to_string())?;
    bed.answers("/lb-health", 200).await?;

    let wrong = policy.clone().with("/spec/wasm/0/code/image/sha256", json!("0".repeat(64)))?;
    bed.gateway.apply("policy", &wrong.to_string())?;
    for path in ["/lb-health", "/orders/1"] {
        bed.answers(path, 500).await?;
    }
    // The policy's status says so, too.
    bed.logs("reason: Invalid", 1).await?;
    bed.logs("which does not match", 2).await?;

    bed.gateway.apply("policy", &wrong.fail_open(true)?.to_string())?;
    bed.answers("/orders/1", 200).await?;
    bed.answers("/lb-health", 404).await?;

    bed.gateway.apply("policy", &policy.to_string())?;
    bed.answers("/lb-health", 200).await
}

/// It is asked when a policy is new to Envoy Gateway, and never again by itself.
pub async fn the_registry_away(tools: &Tools) -> Result<()> {
    let mut bed = Bed::prepare(tools, Form::Image, &json!({}))?;
    let policy = Policy::shipped(&bed.image)?;
    bed.registry.stop();
    bed.gateway.apply("policy", &policy.to_string())?;
    bed.gateway.start().await?;
    bed.answers("/orders/1", 500).await?;

    bed.registry.start()?;
    bed.goes_on_answering("/orders/1", 500).await?;
    // Any resource that changes.
    bed.gateway.apply("routes", &routes::exact("probes", "/lb-health"))?;
    bed.answers("/lb-health", 200).await?;

    // What has been fetched once stays.
    bed.registry.stop();
    bed.goes_on_answering("/lb-health", 200).await?;
    bed.gateway.apply("policy", &policy.clone().probing("/v/2")?.to_string())?;
    bed.answers("/v/2", 200).await?;
    // But not beyond a restart of Envoy Gateway.
    bed.gateway.stop()?;
    bed.gateway.start().await?;
    bed.answers("/v/2", 500).await?;
    ensure!(bed.get("/orders/1").await?.status == 500, "an order passed");
    Ok(())
}
