//! The way back: what the prober is told, and what is kept.

use super::{Exchange, Progress};
use crate::breaker::Breaker;
use crate::cache::{Answer, Entry};
use crate::decision::{BodyEdit, HeaderEdits};
use crate::grpc;
use crate::headers::{CONTENT_LENGTH, CONTENT_TYPE, DEGRADED, GRPC_STATUS, STATUS_CODE};
use crate::outcome::{Outcome, Verdict};
use crate::request::ResponseHead;
use crate::state::{SharedStore, update};
use crate::time::Nanos;
use crate::upstream::{Protocol, Upstream};
use std::rc::Rc;

impl Exchange {
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
        // What a client brought about says nothing about the application's health,
        // and must not let a client open the breaker.
        let callers_timeout = reason == Reason::Timeout && self.held.callers_deadline;
        if !callers_timeout {
            self.record_in_breaker(store, now, status >= 500);
        }

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
            Outcome::Pass => self.probe.annotation(Verdict::Pass),
            Outcome::Warn => self.probe.annotation(Verdict::Warn),
            Outcome::Fail | Outcome::Timeout => self.probe.annotation(Verdict::Fail),
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
            content_type: response.header(CONTENT_TYPE),
            body: Vec::new(),
            at: 0,
        }
    }
}
