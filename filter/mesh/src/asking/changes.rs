//! What another hub answers to whoever follows it.

use crate::event::{LONGEST_MS, Place, is_id};
use crate::fusion::Claim;
use serde::Deserialize;
use std::borrow::Cow;
use std::net::SocketAddr;

/// `GET /mesh/v1/health/subscribe`.
#[derive(Debug, Deserialize)]
pub struct Answer<'a> {
    /// What whoever knows this knows.
    pub index: u64,
    /// The changes are all that there is to know, whatever was known before.
    #[serde(default)]
    pub reset: bool,
    /// What has changed since the index that was asked with.
    #[serde(default, borrow)]
    pub changes: Vec<Change<'a>>,
}

/// How an instance is by now.
#[derive(Debug, Deserialize)]
pub struct Change<'a> {
    #[serde(borrow)]
    pub service: Cow<'a, str>,
    #[serde(borrow, rename = "instance")]
    pub instance: Cow<'a, str>,
    /// The verdict of that hub's own sources, without those of hubs that it follows itself;
    /// none where they have none, or where the instance is gone.
    #[serde(default)]
    own: Option<Cow<'a, str>>,
    #[serde(default)]
    latency_ms: Option<f64>,
    #[serde(default)]
    error_rate: Option<f64>,
    #[serde(default)]
    address: Option<Cow<'a, str>>,
    #[serde(default)]
    locality: Option<Locality>,
    #[serde(default)]
    priority: u32,
    #[serde(default)]
    weight: u32,
}

#[derive(Debug, Default, Deserialize)]
struct Locality {
    #[serde(default)]
    region: String,
    #[serde(default)]
    zone: String,
    #[serde(default)]
    sub_zone: String,
}

impl<'a> Answer<'a> {
    /// Reads one; `None` where it isn't one.
    pub fn read(body: &'a [u8]) -> Option<Self> {
        serde_json::from_slice(body).ok()
    }
}

impl Change<'_> {
    /// Whether an instance may have that name.
    pub fn is_named(&self) -> bool {
        is_id(&self.instance)
    }

    /// What that hub says of the instance; `None` where it knows nothing.
    pub fn claim(&self) -> Option<Claim> {
        Some(match self.own.as_deref()? {
            "alive" => Claim::Alive,
            "degraded" => Claim::Warn,
            "suspected" => Claim::Suspect,
            "draining" => Claim::Draining,
            "dead" => Claim::Dead,
            _ => return None,
        })
    }

    /// Its 95th percentile of latency, in milliseconds.
    pub fn latency_ms(&self) -> Option<f32> {
        measure(self.latency_ms, LONGEST_MS)
    }

    /// The share of failed requests.
    pub fn error_rate(&self) -> Option<f32> {
        measure(self.error_rate, 1.0)
    }

    /// Where the instance is, where that can be read.
    pub fn place(&mut self) -> Option<Place<'static>> {
        let address: SocketAddr = self.address.as_deref()?.parse().ok()?;
        let Locality { region, zone, sub_zone } = self.locality.take().unwrap_or_default();
        let locality = [region, zone, sub_zone].map(Cow::Owned);
        let (priority, weight) = (Some(self.priority), Some(self.weight.max(1)));
        Some(Place { address: Some(address), locality, priority, weight })
            .filter(Place::is_within_limits)
    }
}

fn measure(value: Option<f64>, most: f64) -> Option<f32> {
    value.filter(|value| (0.0..=most).contains(value)).map(|value| value as f32)
}
