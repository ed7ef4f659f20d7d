//! Keep-alive connections that share out many requests.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use tokio::task::JoinSet;

use super::expect::Expect;
use super::random;
use super::tally::Tally;
use crate::client::connection::KeepAlive;
use crate::client::http::{Request, Version};
use crate::client::peer::Peer;

/// Requests to be sent, and what each is to lead to.
#[derive(Debug)]
pub struct Pool {
    /// The version of HTTP to speak.
    pub version: Version,
    /// Where to.
    pub peer: Peer,
    /// Each kind of request, and the answer it is to get.
    pub kinds: Vec<(Request, Expect)>,
    /// The kind of every request, in order.
    pub order: Vec<usize>,
    /// The time from one request to the next; none means as fast as can be.
    pub interval: Duration,
}

/// What became of them.
#[derive(Debug)]
pub struct Outcome {
    /// The answers to each kind of request.
    pub tallies: Vec<Tally>,
    /// From the beginning until the last request was sent.
    pub sent_in: Duration,
    /// From the beginning to the last answer.
    pub took: Duration,
}

struct Shared {
    pool: Pool,
    start: Instant,
    next: AtomicUsize,
    tallies: Mutex<Vec<Tally>>,
}

impl Pool {
    /// Sends all requests over so many connections.
    ///
    /// A request is due at its own time by the clock: one that is late because
    /// no connection was free is sent at once, and delays none after it.
    pub async fn run(self, connections: usize) -> Outcome {
        let tallies = self.kinds.iter().map(|_| Tally::default()).collect();
        let shared = Arc::new(Shared {
            pool: self,
            start: Instant::now(),
            next: AtomicUsize::new(0),
            tallies: Mutex::new(tallies),
        });
        let mut workers = JoinSet::new();
        for _ in 0..connections {
            workers.spawn(shared.clone().work());
        }
        let sent_in = workers.join_all().await.into_iter().max().unwrap_or_default();
        let mut tallies = shared.tallies.lock().unwrap_or_else(PoisonError::into_inner);
        Outcome { tallies: std::mem::take(&mut *tallies), sent_in, took: shared.start.elapsed() }
    }
}

impl Shared {
    /// Takes the next request until there is none; returns when the last one
    /// was sent.
    async fn work(self: Arc<Self>) -> Duration {
        let Pool { version, peer, kinds, order, interval } = &self.pool;
        let mut connection = KeepAlive::new(*version, peer.clone());
        let mut sent_at = Duration::ZERO;
        loop {
            let number = self.next.fetch_add(1, Ordering::Relaxed);
            let Some(kind) = order.get(number) else { return sent_at };
            if !interval.is_zero() {
                let due = self.start + interval.mul_f64(number as f64);
                tokio::time::sleep_until(due.into()).await;
            }
            sent_at = self.start.elapsed();
            let (request, expect) = &kinds[*kind];
            let answer = connection.send(&random::fill(request, number)).await;
            let mut tallies = self.tallies.lock().unwrap_or_else(PoisonError::into_inner);
            tallies[*kind].note(&answer, expect);
        }
    }
}
