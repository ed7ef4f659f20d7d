//! What is known of an instance.

use crate::event::Place;
use crate::fusion::{Claim, Thousandths, Verdict};
use heartbeat_common::base::time::Instant;
use std::borrow::Cow;
use std::net::SocketAddr;

/// What is known of an instance.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct View<'a> {
    /// Its name.
    pub id: &'a str,
    /// The verdict of all.
    pub verdict: Verdict,
    /// That of this hub's own sources, without the other hubs that it follows; `None` where
    /// they say nothing.
    pub own: Option<Verdict>,
    /// Since when.
    pub since: Instant,
    /// The mean of the sources' 95th percentiles of latency by trust, in milliseconds.
    pub latency_ms: Option<f32>,
    /// The share of failed requests by trust, smoothed.
    pub error_rate: Option<f32>,
    /// How much of the trust that the operator gave has a fresh word.
    pub confidence: Thousandths,
}

/// Where an instance is, and how it is to be treated beside others.
#[derive(Clone, Debug, PartialEq)]
pub struct Location<'a> {
    /// Where it listens.
    pub address: SocketAddr,
    /// Region, zone and sub-zone.
    pub locality: [&'a str; 3],
    /// 0 comes before 1.
    pub priority: u32,
    /// Its share among those of its locality.
    pub weight: u32,
}

impl Location<'_> {
    /// The same, as an event says it.
    pub fn as_place(&self) -> Place<'_> {
        Place {
            address: Some(self.address),
            locality: self.locality.map(Cow::Borrowed),
            priority: Some(self.priority),
            weight: Some(self.weight),
        }
    }
}

/// What a source has said of an instance.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Said {
    /// The source, by its place.
    pub source: usize,
    /// What it said, or says by its silence.
    pub claim: Claim,
    /// Whether that counts.
    pub counts: bool,
    /// When it spoke.
    pub at: Instant,
    /// The stamp of its event.
    pub stamp: u64,
    /// Its 95th percentile of latency, in milliseconds.
    pub latency_ms: Option<f32>,
    /// The share of failed requests.
    pub error_rate: Option<f32>,
}

/// All that is known of an instance.
#[derive(Clone, Debug, PartialEq)]
pub struct Entry<'a> {
    /// The verdict, and what stands beside it.
    pub view: View<'a>,
    /// Where it is.
    pub location: Location<'a>,
    /// Whether it was learnt; a member is configured.
    pub is_learnt: bool,
    /// When it died, of late.
    pub deaths: Vec<Instant>,
    /// What the sources have said.
    pub said: Vec<Said>,
}
