//! One probe on its way, from its arrival to its end.
//!
//! What it takes from the state that all workers share (the refresh of a cached
//! answer, the trial of a breaker or of a cluster's protocol) it gives back in
//! [`Exchange::on_end`], however it ended.

use crate::breaker::Breaker;
use crate::cache::{Answer, Entry};
use crate::capture::Capture;
use crate::decision::Signals;
use crate::grpc::{self, GrpcAnswer};
use crate::outcome::Outcome;
use crate::policy::MetricIndex;
use crate::probe::Probe;
use crate::recognition::Recognised;
use crate::state::{Cell, Cells, SharedStore, update};
use crate::time::Nanos;
use crate::upstream::Upstream;
use std::rc::Rc;

mod request;
mod response;

/// What all exchanges of a plugin share.
#[derive(Debug)]
pub struct Commons {
    /// What is known of each upstream cluster.
    pub upstreams: Cells,
    /// Counts clusters that turned out to speak HTTP/2.
    pub http2_upstreams_total: MetricIndex,
}

/// One probe on its way.
#[derive(Debug)]
pub struct Exchange {
    probe: Rc<Probe>,
    commons: Rc<Commons>,
    /// Tells it apart from every other probe of the process.
    token: u64,
    arrived: Nanos,
    /// Whether the request came without a body. Others rely only on such a one:
    /// a body may be slow to come, on purpose.
    whole: bool,
    cluster: Vec<u8>,
    memory: Option<Cell>,
    progress: Progress,
    held: Held,
    signals: Signals,
}

/// What it has taken from the state that all workers share.
#[derive(Debug, Default)]
struct Held {
    /// It passed the breaker, and is to say how it ended.
    passed_breaker: bool,
    /// It is bounded by the caller's own deadline.
    callers_deadline: bool,
    /// It tries whether the cluster takes `connection: close`.
    upstream_trial: bool,
    /// It fetches the answer for everyone.
    refresh: bool,
    /// The answer to fall back to where it can't.
    fallback: Option<Answer>,
    /// It reads the answer's body, to keep it.
    capture: Option<Capture>,
    /// Stands in place of the answer's body. Empty for a HEAD that was sent on
    /// as a GET: HTTP/2 takes no body in the answer to it.
    replacement: Option<Vec<u8>>,
}

#[derive(Debug)]
enum Progress {
    /// Nothing has come back yet.
    AwaitingHttp,
    /// Nothing has come back yet, or only a part of the messages.
    AwaitingGrpc(GrpcAnswer),
    /// How it ends is known.
    Known(Outcome),
}

impl Exchange {
    /// A probe that has just arrived. `token` must differ from that of every
    /// other probe of the process.
    pub fn new(recognised: Recognised, commons: Rc<Commons>, token: u64, now: Nanos) -> Self {
        let progress = match recognised.method {
            Some(method) => Progress::AwaitingGrpc(GrpcAnswer::new(method)),
            None => Progress::AwaitingHttp,
        };
        Self {
            probe: recognised.probe,
            commons,
            token,
            arrived: now,
            whole: false,
            cluster: Vec::new(),
            memory: None,
            progress,
            held: Held::default(),
            signals: Signals::default(),
        }
    }

    fn upstream(&self) -> Cell {
        self.commons.upstreams.scope(&[&self.cluster])
    }

    fn release_refresh(&mut self, store: &impl SharedStore) {
        if !std::mem::take(&mut self.held.refresh) {
            return;
        }
        if let Some(cell) = &self.memory {
            update::<Entry, _>(store, cell, |entry| {
                entry.release(self.token);
                ((), true)
            });
        }
    }

    /// Gives back what it still holds, and counts how it ended. `grpc_status`
    /// reads the trailer of that name.
    pub fn on_end(
        &mut self,
        store: &impl SharedStore,
        grpc_status: impl FnOnce() -> Option<Vec<u8>>,
    ) {
        self.release_refresh(store);
        if let (true, Some((_, cells))) = (self.held.passed_breaker, &self.probe.breaker) {
            update::<Breaker, _>(store, &cells.scope(&[&self.cluster]), |breaker| {
                let held = breaker.release(self.token);
                ((), held)
            });
        }
        if self.held.upstream_trial {
            update::<Upstream, _>(store, &self.upstream(), |upstream| {
                let held = upstream.release(self.token);
                ((), held)
            });
        }
        let outcome = match &self.progress {
            Progress::Known(outcome) => *outcome,
            Progress::AwaitingHttp => Outcome::Error,
            Progress::AwaitingGrpc(answer) => {
                answer.outcome(grpc_status().and_then(|value| grpc::parse_status(&value)))
            }
        };
        self.signals.raise.push(self.probe.metric(outcome));
    }

    /// What is to be shown to people, since the last call.
    pub fn take_signals(&mut self) -> Signals {
        std::mem::take(&mut self.signals)
    }

    /// The same number for all probes that wait for the same answer.
    pub fn waits_for(&self) -> u64 {
        self.memory.as_ref().map_or(0, Cell::id)
    }
}

#[cfg(test)]
mod tests;
