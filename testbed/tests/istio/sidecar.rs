//! A plugin in a sidecar, from its first day to its last.

use std::net::SocketAddr;
use std::time::{Duration, Instant};

use anyhow::{Result, ensure};
use serde_json::{Value, json};
use testbed::app::Application;
use testbed::app::behaviour::Behaviour;
use testbed::tools::Tools;

use crate::istiod::Istiod;
use crate::proxy::{Proxy, Role, TIMEOUT};
use crate::workload;

/// The two resources that bring the filter to a workload.
#[derive(Clone, Copy, Debug)]
pub enum Form {
    WasmPlugin,
    TrafficExtension,
}

impl Form {
    /// As shipped, with the module in a file.
    pub fn shipped(self, tools: &Tools) -> Result<Value> {
        let mut plugin = match self {
            Self::WasmPlugin => workload::shipped("istio/sidecar.yaml", "WasmPlugin")?,
            Self::TrafficExtension => {
                workload::shipped("istio/traffic-extension.yaml", "TrafficExtension")?
            }
        };
        workload::take_from_file(&mut plugin, tools.module()?);
        Ok(plugin)
    }

    /// Where its configuration is.
    pub fn config(self, plugin: &mut Value) -> &mut Value {
        match self {
            Self::WasmPlugin => &mut plugin["spec"]["pluginConfig"],
            Self::TrafficExtension => &mut plugin["spec"]["wasm"]["pluginConfig"],
        }
    }
}

/// Where the sidecar's listener is: no address of this machine's own, so that the
/// application can have the same port.
pub const LISTENER: SocketAddr =
    SocketAddr::new(std::net::IpAddr::V4(std::net::Ipv4Addr::new(127, 0, 0, 2)), 8086);

/// The plugin comes, is changed, changed for the worse, mended, and goes.
pub async fn life(tools: &Tools, form: Form) -> Result<()> {
    let application = Application::start(tools)?;
    let istiod = Istiod::start(tools).await?;
    let mut plugin = form.shipped(tools)?;
    istiod
        .apply(&workload::inbound(&LISTENER.ip().to_string(), application.addresses.http)?)
        .await?;
    istiod.apply(&plugin.to_string()).await?;
    let proxy = Proxy::start(tools, &istiod, Role::Sidecar, LISTENER).await?;

    as_shipped(&proxy, &application).await?;

    *form.config(&mut plugin) = answering("/v/2");
    istiod.apply(&plugin.to_string()).await?;
    proxy.answers("/v/2", 200).await?;

    // The module refuses it, and what was there before goes on.
    *form.config(&mut plugin) = json!({ "probs": [] });
    istiod.apply(&plugin.to_string()).await?;
    refused(&proxy, 1.0).await?;
    proxy.answers("/v/2", 200).await?;

    *form.config(&mut plugin) = answering("/v/3");
    istiod.apply(&plugin.to_string()).await?;
    proxy.answers("/v/3", 200).await?;
    proxy.answers("/v/2", 404).await?;

    istiod.remove(&plugin.to_string()).await?;
    // Nothing fails meanwhile.
    let start = Instant::now();
    while proxy.get("/v/3").await?.status != 404 {
        let order = proxy.get("/orders/1").await?;
        ensure!(order.status == 200, "an order got {} as the plugin went", order.status);
        ensure!(start.elapsed() < TIMEOUT, "the plugin is still there");
    }
    proxy.answers("/v/3", 404).await?;
    proxy.answers("/orders/1", 200).await?;
    proxy.envoy.stop()
}

/// The probes of the shipped configuration.
async fn as_shipped(proxy: &Proxy, application: &Application) -> Result<()> {
    proxy.answers("/readyz", 200).await?;
    proxy.took_all().await?;
    application.take_seen().await?;
    proxy.answers("/livez", 200).await?;
    let seen = application.take_seen().await?;
    let probe = seen.iter().find(|seen| format!("{seen:?}").contains("/livez"));
    ensure!(
        probe.is_some_and(|seen| format!("{seen:?}").contains("x-heartbeat-probe")),
        "the application wasn't told of the probe: {seen:?}"
    );
    let broken: Behaviour =
        serde_json::from_value(json!({ "paths": { "/readyz": { "status": 503 } } }))?;
    application.behave(&broken).await?;
    proxy.answers("/readyz", 503).await?;
    proxy.answers("/orders/1", 200).await?;
    application.behave(&Behaviour::default()).await?;
    proxy.answers("/readyz", 200).await
}

/// A configuration that is told from others by the path that it answers.
fn answering(path: &str) -> Value {
    json!({ "probes": [{ "name": "version", "match": { "path": path }, "action": "respond" }] })
}

/// Waits until the module has refused so many configurations.
async fn refused(proxy: &Proxy, times: f64) -> Result<()> {
    let start = Instant::now();
    let series = r#"heartbeat_config_loads_total{result="refused"}"#;
    loop {
        let metrics = proxy.envoy.admin_get("/stats?filter=config_loads").await?;
        let seen = metrics.lines().any(|line| {
            line.contains("refused")
                && line.rsplit(' ').next().is_some_and(|n| n.parse().is_ok_and(|n: f64| n >= times))
        });
        if seen {
            return Ok(());
        }
        ensure!(
            start.elapsed() < TIMEOUT,
            "no {series} {times}:\n{metrics}\n{}",
            proxy.envoy.log()?
        );
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
}
