//! What the module sees of Envoy Gateway's Envoy, and what is seen of it.

use anyhow::{Result, ensure};
use serde_json::json;
use testbed::app::behaviour::Behaviour;
use testbed::tools::Tools;

use crate::bed::Bed;
use crate::chain;
use crate::image::Form;
use crate::policy::{self, Policy};

/// The shipped EnvoyProxy makes labels of what metrics carry in their names.
pub async fn metrics_have_labels(tools: &Tools) -> Result<()> {
    let mut bed = Bed::prepare(tools, Form::Image, &policy::shipped_proxy()?)?;
    bed.gateway.apply("policy", &Policy::shipped(&bed.image)?.to_string())?;
    bed.gateway.start().await?;
    bed.answers("/lb-health", 200).await?;
    let metrics = bed.admin("/stats/prometheus").await?;
    for series in [
        r#"heartbeat_probe_total{outcome="pass",probe="lb"} "#,
        r#"heartbeat_config_loads_total{result="accepted"} 1"#,
    ] {
        let ours = || metrics.lines().filter(|line| line.contains("heartbeat_"));
        ensure!(
            ours().any(|line| line.starts_with(series)),
            "no {series} in {:#?}",
            ours().collect::<Vec<_>>()
        );
    }
    Ok(())
}

/// Anyone can write `x-forwarded-for`; what a balancer in front has added to it counts, where
/// a ClientTrafficPolicy says that there is one.
pub async fn the_address_is_the_one_that_envoy_trusts(tools: &Tools) -> Result<()> {
    let bed = Bed::start(tools).await?;
    let allow = json!({ "cidrs": ["192.0.2.0/24"], "address": "trusted" });
    let probes = json!([
        { "name": "anyone", "match": { "path": "/up" }, "action": "respond" },
        { "name": "lb", "match": { "path": "/lb-health" }, "action": "respond", "allow": allow },
    ]);
    let policy = Policy::shipped(&bed.image)?.with("/spec/wasm/0/config/probes", probes)?;
    bed.gateway.apply("policy", &policy.to_string())?;
    bed.answers("/up", 200).await?;
    bed.answers_those_from("192.0.2.7", 404).await?;

    let one = json!({ "clientIPDetection": { "xForwardedFor": { "numTrustedHops": 1 } } });
    bed.gateway.apply("hops", &chain::other("ClientTrafficPolicy", &one))?;
    bed.answers_those_from("192.0.2.7", 200).await?;
    bed.answers_those_from("192.0.2.7, 203.0.113.9", 404).await?;
    bed.answers_those_from("203.0.113.9, 192.0.2.7", 200).await
}

/// The cluster of a route's backends is named after it and the number of its rule.
pub async fn a_check_may_ask_the_backends_of_a_route(tools: &Tools) -> Result<()> {
    let bed = Bed::start(tools).await?;
    let config = json!({
        "checks": [{
            "name": "payments", "interval": "200ms", "fall": 1, "rise": 1,
            "http": { "cluster": "httproute/shop/everything/rule/0", "path": "/readyz" },
        }],
        "probes": [{
            "name": "lb", "match": { "path": "/lb-health" }, "action": "respond",
            "when": [{ "check": "payments" }],
        }],
    });
    let policy = Policy::shipped(&bed.image)?.with("/spec/wasm/0/config", config)?;
    bed.gateway.apply("policy", &policy.to_string())?;
    bed.answers("/lb-health", 200).await?;
    let broken: Behaviour =
        serde_json::from_value(json!({ "paths": { "/readyz": { "status": 503 } } }))?;
    bed.application.behave(&broken).await?;
    bed.answers("/lb-health", 503).await?;
    bed.application.behave(&Behaviour::default()).await?;
    bed.answers("/lb-health", 200).await
}
