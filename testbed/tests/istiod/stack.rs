//! What all of these tests stand on: an application, an Envoy with the plugin, and
//! configurations that can be distinguished from outside.

use std::time::{Duration, Instant};

use anyhow::{Result, ensure};
use serde_json::{Value, json};
use testbed::app::Application;
use testbed::client::http::{self, Request, Response};
use testbed::envoy::{Envoy, EnvoyBuilder};
use testbed::tools::{self, Tools};

use crate::channel::Channel;
use crate::wasm_plugin::WasmPlugin;

/// How soon a configuration must be at work once it is delivered, and out of it once it is
/// not.
pub const SOON: Duration = Duration::from_secs(1);

/// How long it may take on a busy machine to load the module.
pub const TIMEOUT: Duration = Duration::from_secs(10);

/// A new connection comes to any worker: so many in a row of one mind speak for all.
const CONNECTIONS: usize = 12;

/// Whether the listeners of an Envoy can change.
#[derive(Clone, Copy, Debug)]
pub enum Listeners {
    /// They stay.
    Fixed,
    /// They can, and connections made before that may stay so long.
    Changing { drain_time: Duration },
}

/// An Envoy that gets its plugin on some way.
pub struct Stack {
    /// The Envoy.
    pub envoy: Envoy,
    /// The way.
    pub channel: Channel,
    /// The plugin, with the configuration that it is shipped with.
    pub plugin: WasmPlugin,
    _application: Application,
}

/// A configuration that answers `/v/<version>` itself, which is not found otherwise, and
/// does some work besides.
pub fn version(version: u32) -> Option<Value> {
    Some(json!({
        "probes": [
            { "name": "version", "match": { "path": format!("/v/{version}") }, "action": "respond" },
            { "name": "health", "match": { "path": "/health" } },
            { "name": "cached", "match": { "path": "/healthz" }, "action": "cache",
              "cache": { "ttl": "100ms" }, "breaker": { "failures": 3, "open_for": "1s" } },
            { "name": "ready", "match": { "path": "/readyz" }, "action": "respond",
              "when": [{ "check": "app", "severity": "warn" }] },
        ],
        "checks": [{ "name": "app", "http": { "cluster": "app", "path": "/livez" }, "interval": "1s" }],
        "counters": [{ "name": "orders_total", "when": { "request": { "path": "/orders/1" } } }],
    }))
}

impl Stack {
    /// Starts it all with version 1, which comes late if it can, as when a pod begins
    /// before its control plane has an answer.
    pub async fn start(tools: &Tools, channel: Channel, listeners: Listeners) -> Result<Self> {
        let plugin = WasmPlugin::shipped(tools.module()?)?;
        let application = Application::start(tools)?;
        let path = tools::envoy_configs().join("static/envoy.yaml");
        let builder = EnvoyBuilder::new(tools, &path)?.application("app", &application.addresses);
        let builder = channel.attach(builder, &plugin);
        let builder = match listeners {
            Listeners::Fixed => builder,
            Listeners::Changing { drain_time } => {
                builder.listeners_in_file(true).drain_time(drain_time)
            }
        };
        let first = plugin.with(version(1));
        let envoy = match channel {
            // A file must be there from the beginning.
            Channel::File { .. } => {
                channel.send(&first)?;
                builder.start().await?
            }
            Channel::Grpc { .. } => {
                let mut start = Box::pin(builder.start());
                let early = tokio::time::timeout(Duration::from_secs(1), &mut start).await;
                ensure!(early.is_err(), "the listener didn't wait for its plugin");
                channel.send(&first)?;
                start.await?
            }
        };
        Ok(Self { envoy, channel, plugin, _application: application })
    }

    /// Delivers version `new` in place of another, which must be at work soon after.
    pub async fn update(&mut self, new: u32) -> Result<()> {
        self.deliver(new, SOON).await
    }

    /// Delivers version `new` where the module isn't loaded, and must be compiled again.
    pub async fn bring_back(&mut self, new: u32) -> Result<()> {
        self.deliver(new, TIMEOUT).await
    }

    async fn deliver(&mut self, new: u32, limit: Duration) -> Result<()> {
        let start = Instant::now();
        let plugin = self.plugin.with(version(new));
        let verdict = self.channel.deliver(&plugin, &self.envoy).await?;
        ensure!(verdict.is_ok(), "Envoy refused version {new}: {verdict:?}");
        loop {
            let works = self.works(new).await?;
            let took = start.elapsed();
            ensure!(took < limit, "version {new} at work after {took:?}: {works}");
            if works {
                return Ok(());
            }
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
    }

    /// Whether a version is at work, on all workers.
    pub async fn works(&self, version: u32) -> Result<bool> {
        for _ in 0..CONNECTIONS {
            if self.get(&format!("/v/{version}")).await?.status != 200 {
                return Ok(false);
            }
        }
        Ok(true)
    }

    /// Whether a version is gone, on all workers.
    pub async fn is_gone(&self, version: u32) -> Result<bool> {
        for _ in 0..CONNECTIONS {
            if self.get(&format!("/v/{version}")).await?.status != 404 {
                return Ok(false);
            }
        }
        Ok(true)
    }

    /// Sends a request on a connection of its own.
    pub async fn get(&self, path: &str) -> Result<Response> {
        http::fetch(self.envoy.http, &Request::new("GET", path)).await
    }

    /// How many configurations the filter has refused.
    pub async fn refused(&self) -> Result<f64> {
        let series = r#"heartbeat_config_loads_total{result="refused"}"#;
        Ok(self.envoy.prometheus().await?.get(series)?.unwrap_or_default())
    }
}
