//! Requests that go on while something else happens, at a steady rate.

use std::net::SocketAddr;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use anyhow::{Result, ensure};
use testbed::client::connection::KeepAlive;
use testbed::client::http::{Request, Version};
use tokio::sync::watch;
use tokio::task::JoinSet;

/// What every configuration lets pass: an order, a probe that is forwarded, one that is
/// answered from the cache, and one that the filter answers.
const PATHS: [&str; 4] = ["/orders/1", "/health", "/healthz", "/readyz"];

/// The share of the rate that must be achieved for the load to have been one.
const ENOUGH: f64 = 0.8;

/// A load under way.
pub struct Load {
    shared: Arc<Shared>,
    workers: JoinSet<()>,
    end: watch::Sender<bool>,
}

struct Shared {
    address: SocketAddr,
    interval: Duration,
    start: Instant,
    next: AtomicU64,
    /// What went wrong, each with the time since the start.
    faults: Mutex<Vec<String>>,
}

impl Load {
    /// Sends so many requests a second, over a few connections that are kept.
    pub fn start(address: SocketAddr, per_second: u32) -> Self {
        let shared = Arc::new(Shared {
            address,
            interval: Duration::from_secs(1) / per_second,
            start: Instant::now(),
            next: AtomicU64::new(0),
            faults: Mutex::default(),
        });
        let (end, ended) = watch::channel(false);
        let mut workers = JoinSet::new();
        for _ in 0..8 {
            workers.spawn(shared.clone().work(ended.clone()));
        }
        Self { shared, workers, end }
    }

    /// Ends it; fails unless every request was answered with 200, and in time.
    pub async fn end(self) -> Result<u64> {
        let Self { shared, workers, end } = self;
        end.send_replace(true);
        let took = shared.start.elapsed();
        workers.join_all().await;
        let sent = shared.next.load(Ordering::Relaxed);
        let faults = shared.faults.lock().unwrap_or_else(PoisonError::into_inner);
        ensure!(
            faults.is_empty(),
            "{} of {sent} requests failed; the first:\n{}",
            faults.len(),
            faults.iter().take(10).cloned().collect::<Vec<_>>().join("\n")
        );
        let due = took.as_secs_f64() / shared.interval.as_secs_f64();
        ensure!(sent as f64 >= ENOUGH * due, "{sent} requests in {took:?}: {due:.0} were due");
        Ok(sent)
    }
}

impl Shared {
    async fn work(self: Arc<Self>, ended: watch::Receiver<bool>) {
        let mut connection = KeepAlive::new(Version::Http1, self.address.into());
        while !*ended.borrow() {
            let number = self.next.fetch_add(1, Ordering::Relaxed);
            let due = self.start + self.interval.mul_f64(number as f64);
            tokio::time::sleep_until(due.into()).await;
            let path = PATHS[(number % PATHS.len() as u64) as usize];
            let fault = match connection.send(&Request::new("GET", path)).await {
                Ok(answer) if answer.status == 200 => continue,
                Ok(answer) => format!("{path}: {} {}", answer.status, answer.text()),
                Err(error) => format!("{path}: {error:#}"),
            };
            let fault = format!("after {:.3?}: {fault}", self.start.elapsed());
            self.faults.lock().unwrap_or_else(PoisonError::into_inner).push(fault);
        }
    }
}
