//! The plugin of the ingress gateway.

use std::net::SocketAddr;

use anyhow::{Result, ensure};
use serde_json::json;
use testbed::app::Application;
use testbed::tools::Tools;

use crate::istiod::{self, Istiod};
use crate::proxy::{Proxy, Role};
use crate::workload;

/// As shipped nobody here may ask: only the addresses of the load balancer. Then the rule
/// is taken away.
pub async fn life(tools: &Tools) -> Result<()> {
    let application = Application::start(tools)?;
    let istiod = Istiod::start(tools).await?;
    let port = istiod::free()?.port();
    let address = SocketAddr::from(([127, 0, 0, 3], port));
    istiod.apply(&route(address, application.addresses.http)).await?;
    let mut plugin = workload::shipped("istio/gateway.yaml", "WasmPlugin")?;
    workload::take_from_file(&mut plugin, tools.module()?);
    istiod.apply(&plugin.to_string()).await?;
    let proxy = Proxy::start(tools, &istiod, Role::Gateway, address).await?;

    proxy.answers("/orders/1", 200).await?;
    proxy.took_all().await?;
    let filters = proxy.filters().await?;
    ensure!(filters.iter().any(|name| name.contains("istio-system.heartbeat")), "{filters:?}");
    let answer = proxy.get("/lb-health").await?;
    ensure!(answer.status != 200, "anyone may ask: {} {}", answer.status, answer.text());

    let probe = plugin.pointer_mut("/spec/pluginConfig/probes/0");
    probe.and_then(|probe| probe.as_object_mut()).map(|probe| probe.remove("allow"));
    istiod.apply(&plugin.to_string()).await?;
    proxy.answers("/lb-health", 200).await?;
    application.take_seen().await?;
    proxy.get("/lb-health").await?;
    let seen = application.take_seen().await?;
    ensure!(seen.is_empty(), "the application was asked: {seen:?}");

    istiod.remove(&plugin.to_string()).await?;
    proxy.answers("/lb-health", 404).await?;
    proxy.answers("/orders/1", 200).await?;
    proxy.envoy.stop()
}

/// A gateway that listens here, and what leads from it to the application.
pub fn route(gateway: SocketAddr, application: SocketAddr) -> String {
    let listener = json!({
        "apiVersion": "networking.istio.io/v1", "kind": "Gateway",
        "metadata": { "name": "public", "namespace": "istio-system" },
        "spec": {
            "selector": { "istio": "ingressgateway" },
            "servers": [{ "hosts": ["*"], "bind": gateway.ip().to_string(),
                "port": { "number": gateway.port(), "name": "http", "protocol": "HTTP" } }],
        },
    });
    let service = workload::service("payments", 80, application);
    let route = json!({
        "apiVersion": "networking.istio.io/v1", "kind": "VirtualService",
        "metadata": { "name": "payments", "namespace": "istio-system" },
        "spec": {
            "hosts": ["*"], "gateways": ["public"],
            "http": [{ "route": [{ "destination": { "host": "payments.shop.example" } }] }],
        },
    });
    format!("{listener}\n---\n{service}\n---\n{route}\n")
}
