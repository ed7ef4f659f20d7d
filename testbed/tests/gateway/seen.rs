//! What the module sees of Envoy Gateway's Envoy, and what is seen of it.

use anyhow::{Result, ensure};
use serde_json::json;
use testbed::app::behaviour::Behaviour;
use testbed::tools::Tools;

use crate::bed::Bed;
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
