//! One probe on its way, from its arrival to its end.
//!
//! What it takes from the state that all workers share (the refresh of a cached
//! answer, the trial of a breaker or of a cluster's protocol) it gives back in
//! [`Exchange::on_end`], however it ended.

use crate::breaker::{Breaker, Passage};
use crate::cache::{Answer, Entry, Lookup};
use crate::capture::Capture;
use crate::config::{Action, OnLimit};
use crate::decision::{BodyEdit, Decision, HeaderEdits, Reply, Signals};
use crate::grpc::{self, GrpcAnswer};
use crate::headers::{CONDITIONAL, CONTENT_LENGTH, DEGRADED, GRPC_STATUS, METHOD, STATUS_CODE};
use crate::limit::Bucket;
use crate::outcome::{Outcome, details};
use crate::policy::MetricIndex;
use crate::probe::{Admission, Probe};
use crate::recognition::Recognised;
use crate::request::{RequestHead, ResponseHead, without_query};
use crate::state::{Cell, Cells, SharedStore, update};
use crate::time::Nanos;
use crate::upstream::{Protocol, Upstream};
use std::rc::Rc;

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
            cluster: Vec::new(),
            memory: None,
            progress,
            held: Held::default(),
            signals: Signals::default(),
        }
    }

    /// Decides what happens to the probe.
    pub fn on_request_headers(
        &mut self,
        request: &impl RequestHead,
        store: &impl SharedStore,
        now: Nanos,
    ) -> Decision {
        match self.probe.admission(request) {
            Admission::Granted => {}
            Admission::NotAProbe => return Decision::NotAProbe,
            Admission::Denied => {
                return self.answer(self.probe.reply_denied(now), Outcome::Denied);
            }
        }
        self.cluster = request.cluster().unwrap_or_default();
        self.memory = self.probe.memory.as_ref().map(|(_, cells)| {
            let target = request.path().unwrap_or_default();
            cells.scope(&[&self.cluster, without_query(&target)])
        });
        if let Some(decision) = self.limit(store, now) {
            return decision;
        }
        match &self.probe.action {
            Action::Respond => self.answer(self.probe.reply_pass(now), Outcome::Pass),
            Action::Cache(_) => self.consult_cache(request, store, now),
            Action::Forward => {
                let capture = self.memory.is_some();
                self.forward(request, store, now, capture)
            }
        }
    }

    /// Decides once more for a probe that waits. [`Decision::Wait`] means that
    /// nothing has changed.
    pub fn on_wake(
        &mut self,
        request: &impl RequestHead,
        store: &impl SharedStore,
        now: Nanos,
    ) -> Decision {
        if now.saturating_sub(self.arrived) >= self.probe.longest_wait() {
            return self.answer(self.probe.reply_cache_timeout(now), Outcome::Timeout);
        }
        self.consult_cache(request, store, now)
    }

    fn answer(&mut self, reply: Reply, outcome: Outcome) -> Decision {
        self.progress = Progress::Known(outcome);
        Decision::Reply(reply)
    }

    /// `limit`: the decision for a probe that is beyond it.
    fn limit(&mut self, store: &impl SharedStore, now: Nanos) -> Option<Decision> {
        let probe = Rc::clone(&self.probe);
        let (rule, cells) = probe.limit.as_ref()?;
        let taken = update::<Bucket, _>(store, &cells.scope(&[]), |bucket| {
            let before = *bucket;
            let taken = bucket.take(rule, now);
            (taken, *bucket != before)
        });
        // Where so many contend that nobody gets a token, there is none.
        let retry_in = taken.unwrap_or(Err(0)).err()?;
        let reply = match (rule.on_limit, &probe.action) {
            (OnLimit::Reject, _) => None,
            (OnLimit::LastVerdict, Action::Respond) => {
                Some(Reply { details: details::LIMITED_LAST_VERDICT, ..probe.reply_pass(now) })
            }
            (OnLimit::LastVerdict, _) => self
                .last_answer(store, now)
                .map(|answer| probe.reply_kept(answer, details::LIMITED_LAST_VERDICT, now)),
        };
        let reply = reply.unwrap_or_else(|| probe.reply_limited(retry_in, now));
        Some(self.answer(reply, Outcome::Limited))
    }

    fn last_answer(&self, store: &impl SharedStore, now: Nanos) -> Option<Answer> {
        let entry = self.memory.as_ref()?.read::<Entry>(store);
        match &self.probe.action {
            Action::Cache(rule) => entry.servable(rule, now).cloned(),
            _ => entry.answer,
        }
    }

    fn consult_cache(
        &mut self,
        request: &impl RequestHead,
        store: &impl SharedStore,
        now: Nanos,
    ) -> Decision {
        let probe = Rc::clone(&self.probe);
        let (Action::Cache(rule), Some(cell)) = (&probe.action, &self.memory) else {
            return self.forward(request, store, now, false);
        };
        let looked = update::<Entry, _>(store, cell, |entry| {
            let lookup = entry.look(rule, now, self.token, probe.patience());
            let answer = entry.servable(rule, now).cloned();
            ((lookup, answer), lookup == Lookup::Refresh)
        });
        match looked {
            Some((Lookup::Fresh, Some(answer))) => self.serve(answer, details::CACHED, now),
            Some((Lookup::Stale, Some(answer))) => self.serve(answer, details::CACHED_STALE, now),
            Some((Lookup::Refresh, fallback)) => {
                self.held.refresh = true;
                self.held.fallback = fallback;
                self.forward(request, store, now, true)
            }
            Some((Lookup::Pass, _)) => self.forward(request, store, now, false),
            // Whoever loses every race waits for one of the winners.
            Some((Lookup::Wait | Lookup::Fresh | Lookup::Stale, _)) | None => Decision::Wait,
        }
    }

    fn serve(&mut self, answer: Answer, details: &'static str, now: Nanos) -> Decision {
        self.answer(self.probe.reply_kept(answer, details, now), Outcome::Cached)
    }

    fn forward(
        &mut self,
        request: &impl RequestHead,
        store: &impl SharedStore,
        now: Nanos,
        capture: bool,
    ) -> Decision {
        if let Some(decision) = self.ask_breaker(store, now) {
            return decision;
        }
        let close = self.probe.closes_connections() && self.ask_upstream(store, now);
        let mut edits = self.probe.forward(request, close);
        if capture {
            self.held.capture = Some(Capture::default());
            // Everyone gets this answer: it must be whole, plain and nobody's own.
            edits.remove.extend(CONDITIONAL);
            if request.method().as_deref() == Some(b"HEAD") {
                edits.set(METHOD, "GET");
                self.held.replacement = Some(Vec::new());
            }
        }
        Decision::Forward(edits)
    }

    /// `breaker`: the decision for a probe that doesn't pass it.
    fn ask_breaker(&mut self, store: &impl SharedStore, now: Nanos) -> Option<Decision> {
        let probe = Rc::clone(&self.probe);
        let (rule, cells) = probe.breaker.as_ref()?;
        let asked = update::<Breaker, _>(store, &cells.scope(&[&self.cluster]), |breaker| {
            let before = *breaker;
            let passage = breaker.ask(rule, now, self.token, probe.patience());
            ((passage, breaker.position()), *breaker != before)
        });
        let (passage, position) = asked?;
        let (retry_in, details) = match passage {
            Passage::Closed | Passage::Trial => {
                self.held.passed_breaker = true;
                if passage == Passage::Trial {
                    self.signals.set.push((probe.breaker_metric(), position as u64));
                }
                return None;
            }
            Passage::Open(retry_in) => (retry_in, details::BREAKER_OPEN),
            Passage::HalfOpen => (0, details::BREAKER_HALF_OPEN),
        };
        self.release_refresh(store);
        Some(match self.held.fallback.take() {
            Some(answer) => self.serve(answer, details::CACHED_STALE, now),
            None => self.answer(probe.reply_broken(retry_in, details, now), Outcome::Broken),
        })
    }

    fn upstream(&self) -> Cell {
        self.commons.upstreams.scope(&[&self.cluster])
    }

    /// Whether the cluster takes `connection: close`.
    fn ask_upstream(&mut self, store: &impl SharedStore, now: Nanos) -> bool {
        let patience = self.probe.patience();
        let asked = update::<Upstream, _>(store, &self.upstream(), |upstream| {
            let before = *upstream;
            let close = upstream.may_close(now, self.token, patience);
            ((close, *upstream != before), *upstream != before)
        });
        let (close, trial) = asked.unwrap_or((false, false));
        self.held.upstream_trial = trial;
        close
    }

    /// Judges the head of the answer, and says what the prober is told.
    ///
    /// The proxy's own answers come by here too; they are annotated already.
    pub fn on_response_headers(
        &mut self,
        response: &impl ResponseHead,
        store: &impl SharedStore,
        now: Nanos,
        end_of_stream: bool,
    ) -> HeaderEdits {
        match &self.progress {
            Progress::Known(_) => HeaderEdits::default(),
            Progress::AwaitingHttp => self.judge_http(response, store, now, end_of_stream),
            Progress::AwaitingGrpc(answer) => {
                let status = response.header(GRPC_STATUS).and_then(|v| grpc::parse_status(&v));
                let Some(status) = status else {
                    // The verdict is in the messages: too late for a header.
                    return self.probe.identification();
                };
                if reason(response) == Reason::Timeout {
                    let mut edits = self.conclude(Outcome::Timeout);
                    // Envoy reports its own timeout as UNAVAILABLE.
                    edits.set(GRPC_STATUS, grpc::code::DEADLINE_EXCEEDED.to_string());
                    return edits;
                }
                let outcome = answer.outcome(Some(status));
                self.conclude(outcome)
            }
        }
    }

    fn judge_http(
        &mut self,
        response: &impl ResponseHead,
        store: &impl SharedStore,
        now: Nanos,
        end_of_stream: bool,
    ) -> HeaderEdits {
        let status = response.status().unwrap_or_default();
        let reason = reason(response);
        let answer = Answer::begun(response, status);
        self.learn_upstream(store, reason);
        // A client's error says nothing about the application's health, and must
        // not let a client open the breaker.
        self.record_in_breaker(store, now, status >= 500);

        let outcome = match reason {
            Reason::Timeout => Outcome::Timeout,
            _ => answer.verdict().outcome(),
        };
        if reason != Reason::Application && self.held.refresh {
            self.release_refresh(store);
            self.held.capture = None;
            if let Some(kept) = self.held.fallback.take() {
                return self.replace_by(kept, now, end_of_stream);
            }
        }
        if let Some(capture) = &mut self.held.capture {
            capture.begin(answer, response);
            if end_of_stream {
                self.keep_captured(store, now);
            }
        }
        self.conclude(outcome)
    }

    fn conclude(&mut self, outcome: Outcome) -> HeaderEdits {
        self.progress = Progress::Known(outcome);
        match outcome {
            Outcome::Pass => self.probe.annotation(crate::Verdict::Pass),
            Outcome::Warn => self.probe.annotation(crate::Verdict::Warn),
            Outcome::Fail | Outcome::Timeout => self.probe.annotation(crate::Verdict::Fail),
            _ => self.probe.identification(),
        }
    }

    /// Puts the kept answer in the place of Envoy's own error.
    fn replace_by(&mut self, kept: Answer, now: Nanos, end_of_stream: bool) -> HeaderEdits {
        self.progress = Progress::Known(Outcome::Cached);
        let mut edits = self.probe.describe(&kept, now);
        edits.set(STATUS_CODE, kept.status.to_string());
        edits.remove.push(CONTENT_LENGTH);
        if !end_of_stream && self.held.replacement.is_none() {
            self.held.replacement = Some(kept.body);
        }
        edits
    }

    fn learn_upstream(&mut self, store: &impl SharedStore, reason: Reason) {
        if !self.held.upstream_trial {
            return;
        }
        let protocol = match reason {
            Reason::Application => Protocol::Http1,
            Reason::ProtocolError => Protocol::Http2,
            _ => return, // on_end gives the trial back.
        };
        self.held.upstream_trial = false;
        let news = update::<Upstream, _>(store, &self.upstream(), |upstream| {
            let news = upstream.learn(protocol);
            (news, news)
        });
        if news == Some(true) && protocol == Protocol::Http2 {
            self.signals.raise.push(self.commons.http2_upstreams_total);
            let cluster = String::from_utf8_lossy(&self.cluster);
            self.signals.log.push(format!(
                "cluster {cluster:?} speaks HTTP/2: probes to it go without connection: close from now on"
            ));
        }
    }

    fn record_in_breaker(&mut self, store: &impl SharedStore, now: Nanos, failed: bool) {
        if !std::mem::take(&mut self.held.passed_breaker) {
            return;
        }
        let probe = Rc::clone(&self.probe);
        let Some((rule, cells)) = &probe.breaker else { return };
        let recorded = update::<Breaker, _>(store, &cells.scope(&[&self.cluster]), |breaker| {
            let before = breaker.position();
            let changed = breaker.record(rule, now, self.token, failed);
            let position = breaker.position();
            ((position != before).then_some(position), changed)
        });
        if let Some(Some(position)) = recorded {
            self.signals.set.push((probe.breaker_metric(), position as u64));
        }
    }

    /// Whether the answer's body has anything to say, or is to be changed.
    pub fn reads_body(&self) -> bool {
        matches!(self.progress, Progress::AwaitingGrpc(_))
            || self.held.capture.is_some()
            || self.held.replacement.is_some()
    }

    /// Takes the next piece of the answer's body.
    pub fn on_response_body(
        &mut self,
        bytes: &[u8],
        store: &impl SharedStore,
        now: Nanos,
        end_of_stream: bool,
    ) -> BodyEdit {
        if let Progress::AwaitingGrpc(answer) = &mut self.progress {
            answer.feed(bytes);
        }
        if let (Some(capture), Some((rule, _))) = (&mut self.held.capture, &self.probe.memory) {
            capture.feed(bytes, rule.max_body);
            if end_of_stream {
                self.keep_captured(store, now);
            }
        }
        match &mut self.held.replacement {
            Some(body) if end_of_stream => BodyEdit::Replace(std::mem::take(body)),
            Some(_) => BodyEdit::Replace(Vec::new()),
            None => BodyEdit::Keep,
        }
    }

    /// Keeps the answer, which is whole.
    fn keep_captured(&mut self, store: &impl SharedStore, now: Nanos) {
        let Some(capture) = self.held.capture.take() else { return };
        let (Some((rule, _)), Some(cell)) = (&self.probe.memory, &self.memory) else { return };
        let answer = capture.finish(now);
        if answer.is_none() {
            self.signals.log.push(format!(
                "probe {:?}: the application's answer is encoded or larger than max_body ({} bytes) and can't be kept",
                self.probe.name, rule.max_body
            ));
        }
        update::<Entry, _>(store, cell, |entry| {
            match answer.clone() {
                Some(answer) => entry.keep(self.token, answer),
                None => entry.keep_nothing(rule, now, self.token),
            }
            ((), true)
        });
        self.held.refresh = false;
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

/// Who made an answer, and why.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Reason {
    Application,
    /// Envoy gave up on the application.
    Timeout,
    /// The application couldn't make sense of the request, or Envoy of its answer.
    ProtocolError,
    /// Envoy couldn't reach the application, or had another reason.
    Envoy,
}

/// Reads Envoy's reason for the response.
/// <https://www.envoyproxy.io/docs/envoy/latest/configuration/http/http_conn_man/response_code_details>
fn reason(response: &impl ResponseHead) -> Reason {
    let details = response.code_details().unwrap_or_default();
    match details.as_slice() {
        b"via_upstream" => Reason::Application,
        b"response_timeout" | b"upstream_per_try_timeout" => Reason::Timeout,
        details if details.ends_with(b"{protocol_error}") => Reason::ProtocolError,
        _ => Reason::Envoy,
    }
}

impl Answer {
    /// The head of an answer whose body is still to come.
    fn begun(response: &impl ResponseHead, status: u16) -> Self {
        Self {
            status,
            degraded: response.header(DEGRADED).is_some(),
            content_type: response.header(crate::headers::CONTENT_TYPE),
            body: Vec::new(),
            at: 0,
        }
    }
}

#[cfg(test)]
mod tests;
