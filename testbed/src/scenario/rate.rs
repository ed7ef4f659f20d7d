//! A steady rate of requests, whatever becomes of them.

use std::time::Duration;

use anyhow::{Result, ensure};
use serde::Deserialize;

use super::expect::Expect;
use super::pool::Pool;
use super::request::{Message, Version, Way};
use super::span::Span;
use super::tally::ExpectMany;
use crate::client::peer::Peer;

/// The share of the rate that must be achieved: with less, the scenario shows
/// how busy the machine is, and not what it set out to show.
const ENOUGH: f64 = 0.8;

/// The requests of a `rate`.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Rate {
    /// How many a second.
    pub per_second: f64,
    /// For how long.
    pub r#for: Span,
    connections: usize,
    #[serde(default)]
    version: Version,
    #[serde(flatten)]
    message: Message,
    /// Where to.
    #[serde(flatten)]
    pub way: Way,
    #[serde(flatten)]
    expect: ExpectMany<Expect>,
}

impl Rate {
    /// Checks what the types don't.
    pub fn check(&self) -> Result<()> {
        self.message.check()?;
        ensure!(self.per_second > 0.0, "a rate of no requests");
        ensure!(self.connections > 0, "a rate over no connections");
        Ok(())
    }

    /// Sends all requests; returns every fault.
    pub async fn run(&self, peer: &Peer) -> Vec<String> {
        let requests = (self.per_second * self.r#for.0.as_secs_f64()).round();
        let pool = Pool {
            version: self.version.into(),
            peer: peer.clone(),
            kinds: vec![(self.message.request(), self.expect.each())],
            order: vec![0; requests as usize],
            interval: Duration::from_secs_f64(1.0 / self.per_second),
        };
        let outcome = pool.run(self.connections).await;
        let mut faults: Vec<_> =
            outcome.tallies.iter().flat_map(|tally| self.expect.faults(tally)).collect();
        // The last request is due one interval before the end.
        let achieved = requests / outcome.sent_in.as_secs_f64().max(self.r#for.0.as_secs_f64());
        if achieved < ENOUGH * self.per_second {
            let asked = self.per_second;
            faults.push(format!("rate: expected {asked} requests a second, got {achieved:.0}"));
        }
        faults
    }
}
