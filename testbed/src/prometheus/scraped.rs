//! Something to scrape: a real Envoy with a configuration that uses all there is, and a load
//! that makes every metric move.

use std::time::Duration;

use anyhow::{Context, Result, ensure};
use serde_json::{Value, json};
use tokio::sync::oneshot;

use super::catalogue::{self, Catalogue};
use crate::app::Application;
use crate::app::behaviour::{Behaviour, Deviation};
use crate::client::grpc::{Call, Method, by_tonic};
use crate::client::http::{self, Request};
use crate::envoy::{Envoy, EnvoyBuilder, PluginConfig, Reloaded};
use crate::tools::{self, Tools};

/// From one round of the load to the next.
const PAUSE: Duration = Duration::from_millis(100);

/// How many rounds lie between two configurations that are refused.
const REFUSED_EVERY: usize = 20;

/// An Envoy and what moves its metrics.
#[derive(Debug)]
pub struct Scraped {
    /// The Envoy.
    pub envoy: Envoy,
    // It ends when this is dropped.
    _application: Application,
}

/// The metrics of the reference and those of the configuration.
pub fn expected(plugin_config: &Value) -> Result<Catalogue> {
    let mut catalogue = catalogue::of_reference()?;
    catalogue.extend(catalogue::of_counters(plugin_config));
    Ok(catalogue)
}

/// The shipped Envoy, with a way to its own admin interface.
pub fn envoy(tools: &Tools) -> Result<EnvoyBuilder> {
    let path = tools::envoy_configs().join("static/envoy.yaml");
    let address = json!({ "address": "admin", "port_value": 1 });
    let endpoint = json!({ "endpoint": { "address": { "socket_address": address } } });
    let admin = json!({ "name": "envoy_admin", "connect_timeout": "1s", "load_assignment": {
        "cluster_name": "envoy_admin", "endpoints": [{ "lb_endpoints": [endpoint] }] } });
    Ok(EnvoyBuilder::new(tools, &path)?.patch(&json!({
        // Histograms show what was flushed.
        "stats_flush_interval": "1s",
        "static_resources": { "clusters": [admin] },
    })))
}

/// Every kind of rule and check, with the shipped file's own counters.
pub fn plugin_config() -> Result<Value> {
    let mut config = json!({
        "probes": [
            { "name": "health", "match": { "path": "/health" } },
            { "name": "slow", "match": { "path": "/livez" }, "timeout": "100ms",
              "breaker": { "failures": 3, "open_for": "500ms" } },
            { "name": "lb", "match": { "path": "/healthz" }, "action": "cache",
              "cache": { "ttl": "200ms" }, "limit": { "rate": "20/s", "burst": 5 } },
            { "name": "inside", "match": { "path": "/v1/health" },
              "allow": { "cidrs": ["192.0.2.0/24"], "address": "trusted", "otherwise": "deny" } },
            { "name": "readiness", "match": { "path": "/readyz" }, "action": "respond",
              "when": [{ "check": "app" }, { "check": "db", "severity": "warn" }] },
            { "name": "grpc", "match": { "grpc": { "methods": ["Check", "List"] } } },
            { "name": "grpc_watch", "match": { "grpc": { "methods": ["Watch"] } } },
        ],
        "checks": [
            { "name": "app", "http": { "cluster": "app", "path": "/health" },
              "interval": "500ms", "timeout": "200ms" },
            { "name": "db", "http": { "cluster": "app", "path": "/nowhere" },
              "interval": "500ms", "timeout": "200ms" },
            { "name": "ledger", "http": { "cluster": "app", "path": "/livez" },
              "interval": "500ms", "timeout": "100ms" },
        ],
        // Nothing there takes events in.
        "publish": { "cluster": "app", "instance": "a", "when": [{ "server": "live" }] },
        "admin": { "cluster": "envoy_admin" },
        "score": { "clusters": ["app"] },
    });
    config["counters"] = shipped_plugin_config()?["counters"].take();
    ensure!(config["counters"].is_array(), "the shipped configuration has lost its counters");
    Ok(config)
}

fn shipped_plugin_config() -> Result<Value> {
    let path = tools::envoy_configs().join("static/envoy.yaml");
    let yaml: Value = serde_saphyr::from_str(&std::fs::read_to_string(path)?)?;
    let filter =
        "/static_resources/listeners/0/filter_chains/0/filters/0/typed_config/http_filters/0";
    let text = yaml.pointer(&format!("{filter}/typed_config/config/configuration/value"));
    let text = text.and_then(Value::as_str).context("the shipped filter has no configuration")?;
    Ok(serde_json::from_str(text)?)
}

fn behaviour() -> Behaviour {
    let hang = Deviation { hang: true, ..Deviation::default() };
    Behaviour { paths: [("/livez".into(), hang)].into(), ..Behaviour::default() }
}

impl Scraped {
    /// Starts both.
    pub async fn start(tools: &Tools) -> Result<Self> {
        let application = Application::start(tools)?;
        application.behave(&behaviour()).await?;
        let envoy = envoy(tools)?
            .application("app", &application.addresses)
            .plugin_config(PluginConfig::Text(plugin_config()?.to_string()))
            .dynamic(true)
            .start()
            .await?;
        // A filter that is configured dynamically may be refused, and Envoy goes on without it.
        let log = envoy.log()?;
        ensure!(
            !log.contains("configuration refused"),
            "the filter has refused its configuration:\n{log}"
        );
        Ok(Self { envoy, _application: application })
    }

    /// The load: goes on until it is asked to end.
    pub async fn run_until(&mut self, mut ended: oneshot::Receiver<()>) -> Result<()> {
        let mut round = 0;
        loop {
            if round % REFUSED_EVERY == 0 {
                let wrong = PluginConfig::Text(r#"{ "speling": 1 }"#.into());
                let reloaded = self.envoy.reload(&wrong).await?;
                ensure!(reloaded == Reloaded::Refused, "Envoy took a wrong configuration");
            }
            self.round().await?;
            round += 1;
            tokio::select! {
                _ = &mut ended => return Ok(()),
                () = tokio::time::sleep(PAUSE) => {}
            }
        }
    }

    async fn round(&self) -> Result<()> {
        for path in
            ["/health", "/livez", "/healthz", "/healthz", "/healthz", "/v1/health", "/readyz"]
        {
            self.send(&Request::new("GET", path)).await?;
        }
        for (path, order_type) in [
            ("/pay", "retail"),
            ("/pay", "wholesale"),
            ("/pay", "unheard-of"),
            ("/nowhere", "retail"),
        ] {
            let pay = Request::new("POST", path).header("x-payment-id", "p");
            self.send(&pay.header("x-order-type", order_type)).await?;
        }
        for method in [Method::Check, Method::Watch] {
            by_tonic(self.envoy.http, &Call::new(method)).await?;
        }
        Ok(())
    }

    async fn send(&self, request: &Request) -> Result<()> {
        http::fetch(self.envoy.http, request).await.map(drop)
    }
}
