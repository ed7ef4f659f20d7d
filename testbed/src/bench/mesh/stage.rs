//! A hub, what is said to it, and a client that follows it.

use std::net::SocketAddr;
use std::time::Duration;

use anyhow::Result;
use serde_json::{Value, json};

use super::random::Random;
use super::results::Results;
use crate::envoy::merge::merge;
use crate::mesh::{self, Client, Hub, Instances, Place, Source};
use crate::tools::Tools;

/// What every measurement is given.
pub struct Bench<'a> {
    pub tools: &'a Tools,
    /// How often each change is measured.
    pub rounds: usize,
    /// For how long the hub is under load.
    pub load: Duration,
    pub random: Random,
    pub results: Results,
}

/// The hub's configuration: `payments` with these members, one source, and whatever `patch`
/// changes in that. What was dead is alive again almost at once, so that there can be many
/// rounds.
pub fn config(members: &[SocketAddr], patch: &Value) -> Value {
    let members: Vec<_> = members.iter().map(|it| json!({ "id": it.to_string() })).collect();
    let mut config = json!({
        "services": [{ "name": "payments", "members": members }],
        "sources": [source(1)],
        "recover": { "after": "1ms", "at_most": "1ms" },
        "readers": { "principals": ["spiffe://east/*"], "cidrs": ["127.0.0.1/32"],
                     "address": "trusted" },
        "limits": { "rate": "100000/s" },
    });
    merge(&mut config, patch);
    config
}

/// A source that posts.
pub fn source(number: u8) -> Value {
    let cidr = format!("{}/32", Source::address(number));
    json!({ "name": format!("s{number}"), "trust": 0.9, "stale": "60s",
            "allow": { "cidrs": [cidr], "address": "trusted" } })
}

/// What a measurement happens on.
pub struct Stage {
    pub instances: Instances,
    pub hub: Hub,
    pub client: Client,
}

impl Stage {
    /// A hub of so many members of `payments`, with whatever `patch` changes in its
    /// configuration, and a client that follows it.
    pub async fn build(tools: &Tools, members: u16, patch: &Value) -> Result<Self> {
        let (authority, instances) = (mesh::authority()?, Instances::start().await?);
        let members: Vec<_> = (1..=members).map(|number| instances.address(number)).collect();
        let config = config(&members, patch);
        let hub = Hub::start(mesh::envoy_of_hub(tools, &authority, &config)?).await?;
        let nowhere = Place::choose()?.mesh();
        let builder = Client::envoy(tools, &authority, "gateway-1", [hub.mesh, nowhere])?;
        let client = Client::start(builder).await?;
        let all = members.len() as u64;
        client.reaches("membership_total", all, Duration::from_secs(10)).await?;
        Ok(Self { instances, hub, client })
    }
}
