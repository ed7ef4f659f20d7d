//! Steady traffic through the gateway.

use std::net::SocketAddr;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use tokio::task::JoinHandle;
use tokio::time::MissedTickBehavior;

use super::stage::SERVED_BY;
use crate::client::http::{self, Request};

/// How often a request is sent: 200 a second.
const PACE: Duration = Duration::from_millis(5);

/// What became of a request.
#[derive(Clone, Debug)]
pub struct Got {
    /// When it was sent.
    pub sent: Instant,
    /// Why it failed; nothing where it got 200.
    pub why: Option<String>,
    /// Who served it, where that is known.
    pub by: Option<SocketAddr>,
}

/// The traffic; it ends when this is dropped.
#[derive(Debug)]
pub struct Traffic {
    got: Arc<Mutex<Vec<Got>>>,
    task: JoinHandle<()>,
}

impl Traffic {
    /// Begins.
    pub fn start(gateway: SocketAddr) -> Self {
        let got = Arc::new(Mutex::new(Vec::new()));
        let task = tokio::spawn(send(gateway, got.clone()));
        Self { got, task }
    }

    /// What became of all that were sent since then and have ended.
    pub fn since(&self, moment: Instant) -> Vec<Got> {
        let got = self.got.lock().unwrap_or_else(PoisonError::into_inner);
        let mut since: Vec<_> = got.iter().filter(|it| it.sent >= moment).cloned().collect();
        since.sort_by_key(|it| it.sent);
        since
    }
}

impl Drop for Traffic {
    fn drop(&mut self) {
        self.task.abort();
    }
}

async fn send(gateway: SocketAddr, got: Arc<Mutex<Vec<Got>>>) {
    let mut ticks = tokio::time::interval(PACE);
    ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
    loop {
        ticks.tick().await;
        let got = got.clone();
        tokio::spawn(async move {
            let sent = Instant::now();
            let answer = http::fetch(gateway, &Request::new("GET", "/orders/1")).await;
            let why = match &answer {
                Ok(answer) if answer.status == 200 => None,
                Ok(answer) => Some(format!("{} {}", answer.status, answer.text())),
                Err(error) => Some(format!("{error:#}")),
            };
            let by = answer.ok().and_then(|answer| {
                let served = answer.headers.iter().find(|(name, _)| name == SERVED_BY);
                served.and_then(|(_, by)| by.parse().ok())
            });
            got.lock().unwrap_or_else(PoisonError::into_inner).push(Got { sent, why, by });
        });
    }
}
