//! What sources say.

use std::net::{IpAddr, SocketAddr};
use std::time::{SystemTime, UNIX_EPOCH};

use anyhow::{Result, ensure};
use serde_json::{Value, json};

use crate::client::connection::KeepAlive;
use crate::client::http::{Request, Response, Version};
use crate::client::peer::Peer;

/// A source that posts, from an address of its own.
#[derive(Debug)]
pub struct Source {
    connection: KeepAlive,
}

impl Source {
    /// The address that the source of this number connects from.
    pub fn address(number: u8) -> IpAddr {
        IpAddr::from([127, 0, 1, number])
    }

    /// The source of this number, which posts to `hub`.
    pub fn new(number: u8, hub: SocketAddr) -> Self {
        let from = Some(Self::address(number));
        Self::by(Peer { address: hub, from, tls: None })
    }

    /// One that posts in this way.
    pub fn by(peer: Peer) -> Self {
        Self { connection: KeepAlive::new(Version::Http1, peer) }
    }

    /// Posts events, whatever the hub says to them.
    pub async fn post(&mut self, events: &Value) -> Result<Response> {
        let request = Request::new("POST", "/mesh/v1/health/events")
            .header("content-type", "application/json")
            .body(events.to_string());
        self.connection.send(&request).await
    }

    /// Says something of an instance, which the hub must take.
    pub async fn says(&mut self, instance: SocketAddr, status: &str) -> Result<()> {
        let answer = self.post(&event(instance, status)).await?;
        let accepted = json!({ "accepted": 1, "refused": [] });
        let says: Value = serde_json::from_slice(&answer.body).unwrap_or_default();
        ensure!(
            answer.status == 202 && says == accepted,
            "{status} of {instance}: {} {}",
            answer.status,
            answer.text()
        );
        Ok(())
    }
}

/// An event of now.
pub fn event(instance: SocketAddr, status: &str) -> Value {
    let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    json!({
        "instance_id": instance.to_string(),
        "timestamp_ns": now.as_nanos().to_string(),
        "probe_method": "http",
        "status": status,
        "service": "payments",
    })
}
