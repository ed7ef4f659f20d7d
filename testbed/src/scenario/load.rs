//! Many requests at once: exact shares, a fixed order, keep-alive connections.

use std::time::Duration;

use anyhow::{Result, ensure};
use serde::Deserialize;

use super::expect::Expect;
use super::pool::Pool;
use super::request::{Message, Version, Way};
use super::span::{Limits, Span};
use crate::client::peer::Peer;

/// Where the shuffle begins: the same order in every run.
const SEED: u64 = 0x6865_6172_7462_6561;

/// The requests of a `load`.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Load {
    /// How many.
    pub requests: usize,
    connections: usize,
    #[serde(default)]
    version: Version,
    /// Where to.
    #[serde(flatten)]
    pub way: Way,
    took: Option<Limits<Span>>,
    mix: Vec<Kind>,
}

/// One kind of request.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Kind {
    #[serde(default = "once")]
    weight: usize,
    #[serde(flatten)]
    message: Message,
    #[serde(default = "Expect::ok")]
    expect: Expect,
}

fn once() -> usize {
    1
}

impl Load {
    /// Checks what the types don't.
    pub fn check(&self) -> Result<()> {
        self.mix.iter().try_for_each(|kind| kind.message.check())?;
        ensure!(self.connections > 0, "a load over no connections");
        ensure!(self.mix.iter().any(|kind| kind.weight > 0), "a load of no requests");
        Ok(())
    }

    /// Sends all requests; returns every distinct fault.
    pub async fn run(&self, peer: &Peer) -> Vec<String> {
        let weights: Vec<_> = self.mix.iter().map(|kind| kind.weight).collect();
        let kinds: Vec<_> =
            self.mix.iter().map(|kind| (kind.message.request(), kind.expect.clone())).collect();
        let names: Vec<_> = kinds.iter().map(|(request, _)| request.to_string()).collect();
        let pool = Pool {
            version: self.version.into(),
            peer: peer.clone(),
            kinds,
            order: order(self.requests, &weights),
            interval: Duration::ZERO,
        };
        let outcome = pool.run(self.connections).await;
        let faults = names.iter().zip(&outcome.tallies).flat_map(|(name, tally)| {
            tally.faults().map(move |(fault, times)| format!("{times} × {name}: {fault}"))
        });
        faults.chain(self.took.as_ref().and_then(|took| took.fault("took", outcome.took))).collect()
    }
}

/// The kind of each request: every kind has its exact share (what division
/// leaves over goes to the first kinds), in an order that is always the same.
fn order(requests: usize, weights: &[usize]) -> Vec<usize> {
    let total = weights.iter().sum::<usize>().max(1);
    let mut shares: Vec<_> = weights.iter().map(|weight| requests * weight / total).collect();
    let left = requests - shares.iter().sum::<usize>();
    shares.iter_mut().take(left).for_each(|share| *share += 1);
    let mut order: Vec<_> = shares
        .iter()
        .enumerate()
        .flat_map(|(entry, share)| std::iter::repeat_n(entry, *share))
        .collect();
    shuffle(&mut order);
    order
}

/// Fisher–Yates, with the random numbers of xorshift64.
fn shuffle(order: &mut [usize]) {
    let mut state = SEED;
    for at in (1..order.len()).rev() {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        order.swap(at, (state % (at as u64 + 1)) as usize);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn shares_are_exact_and_the_order_is_fixed() {
        let mixed = order(1_000, &[3, 1]);
        let count = |entry| mixed.iter().filter(|at| **at == entry).count();
        assert_eq!((count(0), count(1)), (750, 250));
        assert_eq!(mixed, order(1_000, &[3, 1]));
        assert!(mixed[..250].contains(&1) && mixed[750..].contains(&0));
    }

    #[test]
    fn no_request_is_lost_in_division() {
        assert_eq!(order(10, &[1, 1, 1]).len(), 10);
        assert_eq!(order(1, &[1, 5]).len(), 1);
    }
}
