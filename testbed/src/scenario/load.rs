//! Many requests at once: exact shares, a fixed order, keep-alive connections.

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Instant;

use tokio::task::JoinSet;

use super::expect::Expect;
use super::step::LoadPlan;
use crate::client::http::{Connection, Request, Response, Version};

/// Where the shuffle begins: the same order in every run.
const SEED: u64 = 0x6865_6172_7462_6561;

/// Distinct faults that are kept; more say nothing new.
const FAULTS: usize = 10;

/// What the connections share.
struct Shared {
    address: SocketAddr,
    version: Version,
    entries: Vec<(Request, Expect)>,
    /// The entry of each request.
    order: Vec<usize>,
    next: AtomicUsize,
    /// How often each fault occurred.
    faults: Mutex<BTreeMap<String, usize>>,
}

/// Sends all requests of `plan`; returns every distinct fault.
pub async fn run(plan: &LoadPlan, address: SocketAddr) -> Vec<String> {
    let weights: Vec<_> = plan.mix.iter().map(|entry| entry.weight).collect();
    let shared = Arc::new(Shared {
        address,
        version: plan.version.into(),
        entries: plan.mix.iter().map(|entry| (entry.request(), entry.expect.clone())).collect(),
        order: order(plan.requests, &weights),
        next: AtomicUsize::new(0),
        faults: Mutex::default(),
    });
    let start = Instant::now();
    let mut connections = JoinSet::new();
    for _ in 0..plan.connections {
        connections.spawn(shared.clone().work());
    }
    connections.join_all().await;
    let took = plan.took.as_ref().and_then(|took| took.fault(start.elapsed()));
    shared.told().into_iter().chain(took).collect()
}

impl Shared {
    /// Takes the next request until there is none.
    async fn work(self: Arc<Self>) {
        let mut connection = None;
        while let Some(entry) = self.order.get(self.next.fetch_add(1, Ordering::Relaxed)) {
            let (request, expect) = &self.entries[*entry];
            match self.send(&mut connection, request).await {
                Ok(answer) => self.note(request, expect.faults(&answer)),
                Err(error) => self.note(request, vec![format!("{error:#}")]),
            }
        }
    }

    async fn send(
        &self,
        connection: &mut Option<Connection>,
        request: &Request,
    ) -> anyhow::Result<Response> {
        let mut open = match connection.take().filter(Connection::is_open) {
            Some(open) => open,
            None => Connection::open(self.version, self.address).await?,
        };
        // A connection that failed is not kept.
        let answer = open.send(request).await?;
        *connection = Some(open);
        Ok(answer)
    }

    fn note(&self, request: &Request, faults: Vec<String>) {
        let mut noted = self.faults.lock().unwrap_or_else(PoisonError::into_inner);
        for fault in faults {
            let fault = format!("{request}: {fault}");
            if noted.len() < FAULTS || noted.contains_key(&fault) {
                *noted.entry(fault).or_default() += 1;
            }
        }
    }

    fn told(&self) -> Vec<String> {
        let noted = self.faults.lock().unwrap_or_else(PoisonError::into_inner);
        noted.iter().map(|(fault, times)| format!("{times} × {fault}")).collect()
    }
}

/// The entry of each request: every entry has its exact share (what division
/// leaves over goes to the first entries), in an order that is always the same.
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
