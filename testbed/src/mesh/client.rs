//! Envoys that follow hubs.

use std::net::SocketAddr;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail, ensure};
use base64::Engine;
use base64::prelude::BASE64_STANDARD;
use serde_json::{Value, json};

use super::authority::certified;
use crate::client::connection::KeepAlive;
use crate::client::http::{Request, Version};
use crate::client::tls::Authority;
use crate::envoy::{Envoy, EnvoyBuilder};
use crate::tools::{self, Tools};

/// The header by which a request asks for one instance.
const WANTED: &str = "x-wanted-instance";

/// An Envoy that follows hubs; it dies when this is dropped.
#[derive(Debug)]
pub struct Client {
    /// The Envoy.
    pub envoy: Envoy,
}

impl Client {
    /// The shipped client, which asks these hubs, called `node`. Beyond what is shipped a
    /// request may name the instance that it wants, and gets another only where that may
    /// take no traffic: so one request tells what a worker makes of one instance.
    pub fn envoy(
        tools: &Tools,
        authority: &Authority,
        node: &str,
        hubs: [SocketAddr; 2],
    ) -> Result<EnvoyBuilder> {
        Self::envoy_of(tools, authority, node, hubs, 1)
    }

    /// The same for so many services: `payments`, and others beside it.
    pub fn envoy_of(
        tools: &Tools,
        authority: &Authority,
        node: &str,
        hubs: [SocketAddr; 2],
        services: usize,
    ) -> Result<EnvoyBuilder> {
        let path = tools::envoy_configs().join("mesh/client.yaml");
        let text = std::fs::read_to_string(&path).context("no client.yaml")?;
        let mut config: Value =
            serde_saphyr::from_str(&text).map_err(|error| anyhow::anyhow!("{error}"))?;
        config["node"]["id"] = json!(node);
        let filters =
            "/static_resources/listeners/0/filter_chains/0/filters/0/typed_config/http_filters";
        let filters = config.pointer_mut(filters).and_then(Value::as_array_mut);
        filters.context("client.yaml has no filters")?.insert(0, wanted());
        add_services(&mut config, services)?;
        let builder = EnvoyBuilder::from_config(tools, config).patch(&eligible());
        let builder = ["10.0.0.11", "10.0.0.12"]
            .iter()
            .zip(hubs)
            .fold(builder, |builder, (shipped, hub)| builder.destination(shipped, hub));
        Ok(certified(builder, authority, "client"))
    }

    /// Starts it.
    pub async fn start(builder: EnvoyBuilder) -> Result<Self> {
        Ok(Self { envoy: builder.start().await? })
    }

    /// Whoever asks this Envoy again and again.
    pub fn sampler(&self) -> Sampler {
        Sampler { connection: KeepAlive::new(Version::Http1, self.envoy.http.into()) }
    }

    /// A figure of the cluster of `payments`, such as `membership_healthy`.
    pub async fn figure(&self, name: &str) -> Result<u64> {
        self.stat(&format!("cluster.payments.{name}")).await
    }

    /// A figure, which must be there.
    pub async fn stat(&self, name: &str) -> Result<u64> {
        let pattern = name.replace('.', "\\.");
        let page = self.envoy.admin_get(&format!("/stats?filter=^{pattern}$")).await?;
        let value = page.trim().rsplit(": ").next().and_then(|value| value.parse().ok());
        value.with_context(|| format!("no figure {name}: {page:?}"))
    }

    /// Waits until a figure of the cluster of `payments` is as it should be.
    pub async fn reaches(&self, name: &str, value: u64, within: Duration) -> Result<()> {
        let start = Instant::now();
        loop {
            let now = self.figure(name).await?;
            if now == value {
                return Ok(());
            }
            ensure!(start.elapsed() < within, "{name} is {now} and not {value} after {within:?}");
            tokio::time::sleep(Duration::from_millis(2)).await;
        }
    }
}

/// Has the cluster of `payments` so many times, each for a service of its own.
fn add_services(config: &mut Value, services: usize) -> Result<()> {
    let clusters = config.pointer_mut("/static_resources/clusters").and_then(Value::as_array_mut);
    let clusters = clusters.context("client.yaml has no clusters")?;
    let payments = clusters.iter().find(|it| it["name"] == "payments").cloned();
    let payments = payments.context("client.yaml has no cluster of payments")?;
    for number in 1..services {
        let mut other = payments.clone();
        let name = format!("service-{number}");
        other["name"] = json!(name);
        other["eds_cluster_config"]["service_name"] = json!(name);
        clusters.push(other);
    }
    Ok(())
}

/// The filter that takes a request to the instance that it wants.
fn wanted() -> Value {
    json!({
        "name": "envoy.filters.http.stateful_session",
        "typed_config": {
            "@type": "type.googleapis.com/envoy.extensions.filters.http.stateful_session.v3.StatefulSession",
            "session_state": {
                "name": "envoy.http.stateful_session.header",
                "typed_config": {
                    "@type": "type.googleapis.com/envoy.extensions.http.stateful_session.header.v3.HeaderBasedSessionState",
                    "name": WANTED,
                },
            },
        },
    })
}

/// A request gets what it wants only where that is healthy: not a suspected instance.
fn eligible() -> Value {
    let statuses = json!({ "statuses": ["UNKNOWN", "HEALTHY"] });
    let common = json!({ "override_host_status": statuses });
    json!({ "static_resources": { "clusters": [{ "name": "payments", "common_lb_config": common }] } })
}

/// Asks an Envoy for instances, on one connection and so on one worker.
#[derive(Debug)]
pub struct Sampler {
    connection: KeepAlive,
}

impl Sampler {
    /// Who answers a request that wants `instance`; an error where nobody does.
    pub async fn who(&mut self, instance: SocketAddr) -> Result<SocketAddr> {
        let wanted = BASE64_STANDARD.encode(instance.to_string());
        let answer =
            self.connection.send(&Request::new("GET", "/pay").header(WANTED, &wanted)).await?;
        ensure!(answer.status == 200, "{}: {}", answer.status, answer.text());
        Ok(answer.text().parse()?)
    }

    /// Asks until traffic goes to `instance`, or doesn't; the moment of the first answer
    /// that says so.
    pub async fn until(
        &mut self,
        instance: SocketAddr,
        goes: bool,
        within: Duration,
    ) -> Result<Instant> {
        let start = Instant::now();
        loop {
            if (self.who(instance).await? == instance) == goes {
                return Ok(Instant::now());
            }
            if start.elapsed() > within {
                bail!("traffic goes to {instance} after {within:?}: {}", !goes);
            }
        }
    }
}
