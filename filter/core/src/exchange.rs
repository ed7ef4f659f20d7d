//! One probe on its way, from its arrival to its end.
//!
//! What it takes from the state that all workers share (the refresh of a cached
//! answer, the trial of a breaker or of a cluster's protocol) it gives back in
//! [`Exchange::on_end`], however it ended.

use crate::base::metric::Measurement;
use crate::base::outcome::Outcome;
use crate::base::signals::Signals;
use crate::base::time::{HOUR, Instant, WallTime, rounded_ms};
use crate::evidence::Evidence;
use crate::grpc::{self, GrpcAnswer};
use crate::guards::breaker::{Breaker, Position};
use crate::guards::cache::{CacheEntry, CacheResult, CachedResponse};
use crate::guards::capture::Capture;
use crate::guards::upstream::{Asking, Upstream};
use crate::http::request::{RequestLine, ResponseHead};
use crate::probe::{Call, Matched, Probe};
use crate::state::{Cell, Cells, Change, Context, Refusal, SharedStore, update};
use fetch::Errand;
use grpc_bridge::Translation;
use response::Reason;
use std::rc::Rc;
use std::time::Duration;

mod bounds;
mod call;
mod closing;
pub mod decision;
mod fetch;
mod grpc_bridge;
mod marks;
mod request;
mod response;

pub use bounds::Overdue;
pub use marks::markers_of;

/// What all exchanges of a plugin share.
#[derive(Debug)]
pub struct ExchangeContext {
    /// What the answers of `respond` rest on.
    pub evidence: Rc<Evidence>,
    /// The path that leads to the loopback responder, where there is one.
    pub grpc_replies: Option<String>,
    /// The responder should have answered, and something else did.
    pub responder_missed: std::cell::Cell<bool>,
    /// Somebody who doesn't speak gRPC was answered.
    pub bridge_seen: std::cell::Cell<bool>,
    /// It is known by what names the router's headers go.
    pub prefix_known: std::cell::Cell<bool>,
    /// Says that the log has it.
    pub prefix_told: Cell,
}

/// One probe on its way.
#[derive(Debug)]
pub struct Exchange {
    probe: Rc<Probe>,
    line: RequestLine,
    /// The call, where it is one of gRPC, and the service that it asks for, once
    /// that is known.
    call: Option<Call>,
    service: Option<String>,
    /// It waits for the message that names the service.
    awaits_message: bool,
    /// That message was read, whole.
    message_read: bool,
    /// That message can't be read in time, and everything is decided without it.
    blind: bool,
    /// It is ordinary traffic after all.
    disowned: bool,
    /// Its sender may see more than the status.
    details: bool,
    /// It waits for the answer that another probe fetches.
    waits: bool,
    context: Rc<ExchangeContext>,
    /// Tells it apart from every other probe of the process.
    token: u64,
    arrived: Instant,
    /// Whether the request came without a body. Others rely only on such a one:
    /// a body may be slow to come, on purpose.
    whole: bool,
    /// Whether the request has headers that are its sender's own, and so its answer is,
    /// too; known where answers are kept.
    own: bool,
    /// The upstream cluster, where what is known of it matters.
    cluster: Vec<u8>,
    /// The route to it, where answers are fetched.
    route: Vec<u8>,
    /// The major version of HTTP that its client speaks, a digit: some clusters speak what
    /// their clients do.
    client: u8,
    memory: Option<Cell>,
    /// What the cache did for it, where it had a say.
    cached: Option<CacheResult>,
    progress: Progress,
    held: Held,
    signals: Signals,
}

/// What is to be remembered of a probe that was forwarded.
#[derive(Debug, Default)]
struct Held {
    /// When it passed the breaker, where it is to say how it ended.
    passed_breaker: Option<Instant>,
    /// It is bounded by the caller's own deadline.
    callers_deadline: bool,
    /// Whether it asks the application to close the connection.
    asking: Asking,
    /// What was known of the cluster then, where that decided it.
    upstream: Option<Upstream>,
    /// What it does for others at the application.
    errand: Errand,
    /// Others wait for what it brings.
    refresh: bool,
    /// The answer to fall back to where it can't.
    fallback: Option<CachedResponse>,
    /// It was sent to the application.
    forwarded: bool,
    /// All of the answer is there.
    complete: bool,
    /// The answer has no media type, and is to be given none.
    untyped: bool,
    /// It reads the answer's body, to keep it.
    capture: Option<Capture>,
    /// Stands in place of the answer's body. Empty for a HEAD that was sent on
    /// as a GET: HTTP/2 takes no body in the answer to it.
    replacement: Option<Vec<u8>>,
    /// What comes back is made into an answer of gRPC.
    translation: Option<Translation>,
    /// A filter before this one makes HTTP of what its client gets, and takes no trailers
    /// that are added to an answer; a refusal is to have this HTTP status.
    bridged: Option<u16>,
    /// The head of an answer has come.
    begun: bool,
    /// It is held back until more of the answer comes.
    head_waits: bool,
    /// How long the application has, where there is a limit.
    deadline: Option<Duration>,
    /// What tells that the request's markers are genuine.
    marks: Vec<u8>,
}

/// What metrics take of a probe that is over, in the order in which they take it.
#[must_use]
#[derive(Clone, Copy, Debug)]
pub struct Counts([Option<Measurement>; 3]);

impl IntoIterator for Counts {
    type Item = Measurement;
    type IntoIter = std::iter::Flatten<std::array::IntoIter<Option<Self::Item>, 3>>;

    fn into_iter(self) -> Self::IntoIter {
        self.0.into_iter().flatten()
    }
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
    pub fn new(matched: Matched, context: Rc<ExchangeContext>, token: u64, now: Instant) -> Self {
        let progress = match &matched.call {
            Some(call) => Progress::AwaitingGrpc(GrpcAnswer::new(call.method)),
            None => Progress::AwaitingHttp,
        };
        Self {
            probe: matched.probe,
            line: matched.line,
            call: matched.call,
            service: None,
            awaits_message: false,
            message_read: false,
            blind: false,
            disowned: false,
            details: false,
            waits: false,
            context,
            token,
            arrived: now,
            whole: false,
            own: false,
            cluster: Vec::new(),
            route: Vec::new(),
            client: 0,
            memory: None,
            cached: None,
            progress,
            held: Held::default(),
            signals: Signals::default(),
        }
    }

    /// What wall time shows at a moment.
    fn wall(&self, moment: Instant) -> WallTime {
        self.context.evidence.clock.at(moment)
    }

    /// The breaker of the cluster, for calls of gRPC that of a service in it.
    fn breaker_cell(&self, cells: &Cells) -> Cell {
        match (self.named_service(), &self.service) {
            (Some(service), _) => cells.scope(&[&self.cluster, service.as_bytes()]),
            // Clients may make up any name.
            (None, Some(service)) => cells.outside(&[&self.cluster, service.as_bytes()]),
            (None, None) => cells.scope(&[&self.cluster]),
        }
    }

    /// Ends the refresh, where this probe has it, in the way that `end` does.
    fn settle_refresh(&mut self, cx: Context<'_, impl SharedStore>, end: impl Fn(&mut CacheEntry)) {
        let Some(cell) = self.memory.as_ref().filter(|_| self.held.refresh) else { return };
        let settled = update::<CacheEntry, _>(cx, cell, |entry| {
            end(entry);
            Change::Write(())
        });
        self.held.refresh = settled.is_err();
    }

    /// Leaves the refresh to another probe, where this one has it.
    fn release_refresh(&mut self, cx: Context<'_, impl SharedStore>) {
        let token = self.token;
        self.settle_refresh(cx, |entry| entry.release(token));
    }

    /// Gives back what it still holds, and says what metrics take of it. `response` and
    /// `grpc_status`, the trailer of that name, are read where they matter.
    pub fn on_end(
        &mut self,
        response: &impl ResponseHead,
        cx: Context<'_, impl SharedStore>,
        grpc_status: impl FnOnce() -> Option<Vec<u8>>,
    ) -> Counts {
        self.release_refresh(cx);
        if self.held.passed_breaker.is_some() {
            let begun = !matches!(self.progress, Progress::AwaitingHttp);
            let broke_off = begun && !self.held.complete && is_upstreams_fault(response);
            self.settle_breaker(cx, broke_off.then_some(true));
        }
        self.release_upstream(cx);
        let outcome = match &self.progress {
            Progress::Known(outcome) => *outcome,
            Progress::AwaitingHttp => Outcome::Error,
            Progress::AwaitingGrpc(answer) => {
                answer.outcome(grpc_status().and_then(|value| grpc::parse_status(&value)))
            }
        };
        let whole = self.held.complete || !self.held.forwarded;
        let judged = matches!(outcome, Outcome::Pass | Outcome::Warn | Outcome::Fail);
        let http = matches!(self.progress, Progress::Known(_));
        let outcome = if http && judged && !whole { Outcome::Error } else { outcome };
        let took_ms = rounded_ms(cx.now.since(self.arrived));
        let metrics = &self.probe.metrics;
        Counts([
            self.cached
                .zip(metrics.cache)
                .map(|(result, metrics)| Measurement::Add(metrics.of(result), 1)),
            Some(Measurement::Add(metrics.outcomes.of(outcome), 1)),
            // How long a Watch goes on is its client's wish.
            (!self.is_watch()).then_some(Measurement::Observe(metrics.duration, took_ms)),
        ])
    }

    /// Tells the breaker how a probe ended that passed it; `None` says nothing
    /// about the application.
    fn settle_breaker(&mut self, cx: Context<'_, impl SharedStore>, failed: Option<bool>) {
        let Some(passed) = self.held.passed_breaker.take() else { return };
        let Some((rule, cells)) = &self.probe.breaker else { return };
        let cell = self.breaker_cell(cells);
        let settled = update::<Breaker, _>(cx, &cell, |breaker| {
            let before = breaker.position();
            let changed = match failed {
                Some(failed) => breaker.record(rule, cx.now, self.token, passed, failed),
                None => breaker.release(self.token),
            };
            Change::write_if(changed, (before, breaker.position()))
        });
        if settled == Err(Refusal::Occupied) {
            self.note_breakers_are_full(cx);
        }
        let Ok((before, after)) = settled else { return };
        let metrics = self.probe.metrics.breaker;
        self.signals.set.extend(metrics.map(|it| (it.state, after as u64)));
        if after != before {
            let opened = metrics.filter(|_| after == Position::Open);
            self.signals.raise.extend(opened.map(|it| it.opened));
            let (probe, cluster) = (&self.probe.name, String::from_utf8_lossy(&self.cluster));
            self.signals
                .log
                .push(format!("probe {probe:?}: breaker {} for cluster {cluster:?}", after.word()));
        }
    }

    fn note_breakers_are_full(&mut self, cx: Context<'_, impl SharedStore>) {
        let probe = &self.probe;
        let Some((_, cells)) = &probe.breaker else { return };
        if probe.breakers_full.is_due(&cells.said("full"), HOUR, cx) {
            self.signals.log.push(format!(
                "probe {:?}: there is no room for more breakers, and some clusters or services go without: name the services that matter in its match",
                probe.name
            ));
        }
    }

    /// Whether anything is to be shown to people: mostly there is nothing.
    pub fn has_signals(&self) -> bool {
        !self.signals.is_empty()
    }

    /// What is to be shown to people, since the last call.
    pub fn take_signals(&mut self) -> Signals {
        std::mem::take(&mut self.signals)
    }

    /// Whether anything of the answer, be it Envoy's or the application's, is still to
    /// be judged, changed or kept.
    pub fn needs_response(&self) -> bool {
        !matches!(self.progress, Progress::Known(_))
            || self.held.forwarded
            || self.held.untyped
            || self.held.translation.is_some()
            || self.held.bridged.is_some()
            || self.score_to_show().is_some()
    }

    /// It is ordinary traffic after all.
    pub fn disown(&mut self) {
        self.disowned = true;
    }

    /// Whether it is ordinary traffic after all.
    pub fn is_disowned(&self) -> bool {
        self.disowned
    }

    /// Whether it waits for the answer that another probe fetches.
    pub fn waits(&self) -> bool {
        self.waits
    }

    /// The same for all probes that wait for the same answer.
    pub fn waits_for(&self) -> &[u8] {
        self.memory.as_ref().map_or(&[], Cell::id)
    }
}

/// Whether a stream ended because of the application rather than its client.
fn is_upstreams_fault(response: &impl ResponseHead) -> bool {
    !matches!(response::reason(response), Reason::Application | Reason::Elsewhere)
}

#[cfg(test)]
mod tests;
