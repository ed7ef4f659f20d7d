//! One probe on its way, from its arrival to its end.
//!
//! What it takes from the state that all workers share (the refresh of a cached
//! answer, the trial of a breaker or of a cluster's protocol) it gives back in
//! [`Exchange::on_end`], however it ended.

use crate::base::metric::Measurement;
use crate::base::outcome::Outcome;
use crate::base::signals::Signals;
use crate::base::time::{Instant, WallTime, rounded_ms};
use crate::evidence::report::Report;
use crate::evidence::{Detail, Evidence};
use crate::grpc::{self, GrpcAnswer};
use crate::guards::cache::CacheResult;
use crate::guards::refusals::Refusals;
use crate::http::request::{RequestLine, ResponseHead};
use crate::probe::{Call, Matched, Probe};
use crate::state::{Cell, Context, SharedStore};
use flight::ResponseProgress;
use message::Message;
use phase::{Phase, Progress};
use std::rc::Rc;

mod bounds;
mod call;
mod closing;
pub mod decision;
mod fetch;
mod flight;
mod grpc_bridge;
mod guards;
mod marks;
mod message;
mod phase;
mod refused;
mod request;
mod response;
mod translation;
mod via_http;

pub use bounds::Overdue;
pub use marks::markers_of;
pub use phase::RequestBody;

/// What all exchanges of a plugin share.
#[derive(Debug)]
pub struct ExchangeContext {
    /// What the answers of `respond` rest on.
    pub evidence: Rc<Evidence>,
    /// Those whom `allow` has refused, where anybody can look at them.
    pub refusals: Option<Refusals>,
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
    /// The call, where it is one of gRPC.
    call: Option<Call>,
    context: Rc<ExchangeContext>,
    /// Tells it apart from every other probe of the process.
    token: u64,
    arrived: Instant,
    message: Message,
    /// Whether the request came without a body. Others rely only on such a one:
    /// a body may be slow to come, on purpose.
    end_stream: bool,
    /// Its sender may see more than the status.
    details: bool,
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
    phase: Phase,
    progress: Progress,
    /// A filter before this one makes HTTP of what its client gets, and takes no trailers
    /// that are added to an answer; a refusal is to have this HTTP status.
    bridged: Option<u16>,
    signals: Signals,
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
            context,
            token,
            arrived: now,
            message: Message::NotNeeded,
            end_stream: false,
            details: false,
            own: false,
            cluster: Vec::new(),
            route: Vec::new(),
            client: 0,
            memory: None,
            cached: None,
            phase: Phase::Deciding,
            progress,
            bridged: None,
            signals: Signals::default(),
        }
    }

    /// The rule that it goes by: of a call that for its service, once it is known.
    pub fn probe(&self) -> &Probe {
        &self.probe
    }

    /// Whether its sender may see more than the status.
    pub fn shows_details(&self) -> bool {
        self.details
    }

    /// What the evidence of its rule says now, in words, whoever may see them.
    pub fn report(&self, cx: Context<'_, impl SharedStore>) -> Report {
        self.context.evidence.report(&self.probe.items, Detail::Full, cx)
    }

    /// What wall time shows at a moment.
    fn wall(&self, moment: Instant) -> WallTime {
        self.context.evidence.clock.at(moment)
    }

    /// Gives back what it still holds, and says what metrics take of it. `response` and
    /// `grpc_status`, the trailer of that name, are read where they matter.
    pub fn on_end(
        &mut self,
        response: &impl ResponseHead,
        cx: Context<'_, impl SharedStore>,
        grpc_status: impl FnOnce() -> Option<Vec<u8>>,
    ) -> Counts {
        self.give_back(response, cx);
        let outcome = match &self.progress {
            Progress::Known(outcome) => *outcome,
            Progress::AwaitingHttp => Outcome::Error,
            Progress::AwaitingGrpc(answer) => {
                answer.outcome(grpc_status().and_then(|value| grpc::parse_status(&value)))
            }
        };
        let response = self.phase.flight().map(|flight| flight.response);
        let complete = response.is_none_or(|it| it == ResponseProgress::Complete);
        let judged = matches!(outcome, Outcome::Pass | Outcome::Warn | Outcome::Fail);
        let http = matches!(self.progress, Progress::Known(_));
        let outcome = if http && judged && !complete { Outcome::Error } else { outcome };
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
            || self.phase.flight().is_some()
            || self.phase.translation().is_some()
            || self.phase.is_untyped()
            || self.bridged.is_some()
            || self.score_to_show().is_some()
    }

    /// It is ordinary traffic after all.
    pub fn leave(&mut self) {
        self.phase = Phase::Ordinary;
    }

    /// Whether it is ordinary traffic after all.
    pub fn is_ordinary(&self) -> bool {
        matches!(self.phase, Phase::Ordinary)
    }

    /// What becomes of the request's body.
    pub fn request_body(&self) -> RequestBody {
        match &self.phase {
            Phase::Deciding if self.message == Message::Awaited => RequestBody::Read,
            Phase::Deciding | Phase::Waiting | Phase::Asking(_) | Phase::Answered { .. } => {
                RequestBody::Held
            }
            Phase::Relayed(_) => RequestBody::Dropped,
            Phase::Forwarded(flight) if flight.translation.is_some() => RequestBody::Dropped,
            Phase::Forwarded(_) | Phase::Ordinary => RequestBody::Passed,
        }
    }

    /// The same for all probes that wait for the same answer.
    pub fn waits_for(&self) -> &[u8] {
        self.memory.as_ref().map_or(&[], Cell::id)
    }
}

#[cfg(test)]
mod tests;
