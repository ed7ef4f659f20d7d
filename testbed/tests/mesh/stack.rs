//! What most of these tests stand on: instances, a hub that three sources tell of them, and
//! a client that follows it.

use std::net::SocketAddr;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, ensure};
use serde_json::{Value, json};
use testbed::client::http::{self, Response};
use testbed::envoy::EnvoyBuilder;
use testbed::envoy::merge::merge;
use testbed::mesh::{self, Client, Hub, Instances, Place, Source, discovery};
use testbed::tools::Tools;

/// How long something may take that takes milliseconds where nothing else runs.
pub const SOON: Duration = Duration::from_secs(2);

/// An address where nobody listens.
pub fn nowhere() -> Result<SocketAddr> {
    Ok(Place::choose()?.mesh())
}

/// A hub's configuration: `payments` with these members, sources `a`, `b` and `c` that post
/// from the addresses of [`Source`] 1 to 3, and whatever `patch` changes in that.
pub fn config(members: &[SocketAddr], patch: &Value) -> Value {
    let members: Vec<_> = members.iter().map(|it| json!({ "id": it.to_string() })).collect();
    let mut config = json!({
        "services": [{ "name": "payments", "members": members }],
        "sources": [source("a", 1), source("b", 2), source("c", 3)],
        "recover": { "after": "100ms", "at_most": "1s" },
        "readers": { "principals": ["spiffe://east/*", "spiffe://west/hub"],
                     "cidrs": ["127.0.0.1/32"], "address": "trusted" },
        "hold": "2s",
    });
    merge(&mut config, patch);
    config
}

/// A source that posts from the address of the [`Source`] of this number.
pub fn source(name: &str, number: u8) -> Value {
    let cidr = format!("{}/32", Source::address(number));
    json!({ "name": name, "allow": { "cidrs": [cidr], "address": "trusted" },
            "trust": 0.9, "stale": "60s" })
}

/// A hub with a client.
pub struct Stack {
    pub instances: Instances,
    pub hub: Hub,
    pub client: Client,
}

impl Stack {
    /// A hub of so many members of `payments`, and a client that follows it.
    pub async fn start(members: u16) -> Result<Self> {
        Self::with(&crate::tools(), members, &json!({})).await
    }

    /// The same with another configuration and by other tools.
    pub async fn with(tools: &Tools, members: u16, patch: &Value) -> Result<Self> {
        let (authority, instances) = (mesh::authority()?, Instances::start().await?);
        let members: Vec<_> = (1..=members).map(|number| instances.address(number)).collect();
        let builder = mesh::envoy_of_hub(tools, &authority, &config(&members, patch))?;
        let hub = Hub::start(builder).await?;
        let builder = Client::envoy(tools, &authority, "gateway-1", [hub.mesh, nowhere()?])?;
        let client = Client::start(builder).await?;
        client.reaches("membership_total", members.len() as u64, SOON).await?;
        Ok(Self { instances, hub, client })
    }

    /// One of the hub's sources.
    pub fn source(&self, number: u8) -> Source {
        Source::new(number, self.hub.people)
    }
}

/// A hub without a client.
pub async fn lone_hub(
    members: &[SocketAddr],
    patch: &Value,
    change: impl FnOnce(EnvoyBuilder) -> EnvoyBuilder,
) -> Result<Hub> {
    let authority = mesh::authority()?;
    let builder = mesh::envoy_of_hub(&crate::tools(), &authority, &config(members, patch))?;
    // The files must be there until it has started.
    Hub::start(change(builder)).await
}

/// What a client called `node` gets that has `version`.
pub async fn assignment(hub: &Hub, node: &str, version: Option<&str>) -> Result<Response> {
    http::fetch(hub.people, &discovery(node, "payments", version)).await
}

/// Waits until something holds; fails with what `what` says last.
pub async fn eventually(
    within: Duration,
    mut what: impl AsyncFnMut() -> Result<()>,
) -> Result<Duration> {
    let start = Instant::now();
    loop {
        match what().await {
            Ok(()) => return Ok(start.elapsed()),
            Err(error) if start.elapsed() > within => {
                return Err(error).with_context(|| format!("after {within:?}"));
            }
            Err(_) => tokio::time::sleep(Duration::from_millis(5)).await,
        }
    }
}

/// Waits until the hub's assignment says so of an instance.
pub async fn assigned(hub: &Hub, instance: SocketAddr, health: &str) -> Result<Duration> {
    eventually(SOON, async || {
        let answer = assignment(hub, "onlooker", None).await?;
        let now = mesh::health_of(&answer, &instance.to_string());
        ensure!(now.as_deref() == Some(health), "{instance} is {now:?} and not {health:?}");
        Ok(())
    })
    .await
}

/// Waits until the hub's verdict on an instance is this.
pub async fn judged(hub: &Hub, instance: SocketAddr, verdict: &str) -> Result<()> {
    let path = format!("/mesh/v1/health/payments/{instance}");
    let judged = eventually(SOON, async || {
        let answer = hub.get(&path).await?;
        let says: Value = serde_json::from_slice(&answer.body)?;
        ensure!(says["verdict"] == verdict, "{}", answer.text());
        Ok(())
    });
    judged.await.map(drop)
}

/// Fails where the module has trapped, or Envoy complains of it.
pub async fn is_well(hub: &Hub) -> Result<()> {
    let log = hub.envoy.log()?;
    let bad =
        ["[critical]", "Proxy-Wasm plugin", "wasm trap", "Uncaught", "RuntimeError", "[error]"];
    let faults: Vec<_> =
        log.lines().filter(|line| bad.iter().any(|bad| line.contains(bad))).collect();
    ensure!(faults.is_empty(), "{}", faults.join("\n"));
    let answer = hub.get("/mesh/v1/health").await?;
    ensure!(answer.status == 200, "the hub answers {}: {}", answer.status, answer.text());
    Ok(())
}
