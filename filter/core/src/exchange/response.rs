//! The way back: what the prober is told, and what is kept.

use super::Exchange;
use super::flight::ResponseProgress;
use super::phase::Progress;
use crate::base::outcome::{Outcome, Verdict};
use crate::base::time::{Instant, Nanos};
use crate::grpc::{self, GrpcMethod};
use crate::guards::cache::{CachedResponse, Failure};
use crate::guards::upstream::CloseRequest;
use crate::http::classify::{
    Fault, Origin, SERVICE_UNAVAILABLE, envoys_own_status, marked, status_of_call,
};
use crate::http::edits::{BodyEdit, HeaderEdits};
use crate::http::headers::{
    CONTENT_LENGTH, CONTENT_TYPE, GRPC_ENCODING, GRPC_STATUS, SCORE, STATUS_CODE,
    UPSTREAM_SERVICE_TIME,
};
use crate::http::request::ResponseHead;
use crate::probe::Action;
use crate::score::ScoreKeeper;
use crate::state::{Context, Notice, SharedStore};

impl Exchange {
    /// Judges the head of the answer, and says what the prober is told.
    ///
    /// The proxy's own answers come by here too; they are annotated already, but for
    /// the score.
    pub fn on_response_headers(
        &mut self,
        response: &impl ResponseHead,
        cx: Context<'_, impl SharedStore>,
        end_of_stream: bool,
    ) -> HeaderEdits {
        let mut edits = self.judge(response, cx, end_of_stream);
        if let Some(score) = self.shown_score(cx) {
            edits.set(SCORE, score.to_string());
        }
        if self.phase.is_untyped() {
            edits.remove.push(CONTENT_TYPE); // It is Envoy's guess.
        }
        edits
    }

    /// The score, where there is one and the prober may see it.
    fn shown_score(&self, cx: Context<'_, impl SharedStore>) -> Option<u16> {
        let scored = &self.score_to_show()?.scored;
        scored.look(cx, |scored| scored.score.filter(|_| scored.is_fresh(cx.now)))
    }

    /// Who keeps the score, where one is kept and the prober may see it.
    pub(super) fn score_to_show(&self) -> Option<&ScoreKeeper> {
        let denied = matches!(self.progress, Progress::Known(Outcome::Denied));
        let shown = !denied && self.details;
        self.context.evidence.score.as_ref().filter(|_| shown)
    }

    fn judge(
        &mut self,
        response: &impl ResponseHead,
        cx: Context<'_, impl SharedStore>,
        end_of_stream: bool,
    ) -> HeaderEdits {
        let progress = match end_of_stream {
            true => ResponseProgress::Complete,
            false if self.may_hold_head(response) => ResponseProgress::HeadHeld,
            false => ResponseProgress::Begun,
        };
        self.note_progress(progress);
        self.look_where_it_went(response, cx);
        if let Some(translation) = self.phase.translation_mut().and_then(Option::take) {
            let edits = self.translate_head(translation, response, cx, end_of_stream);
            if let Some(edits) = edits {
                return edits;
            }
        }
        self.notice_prefix(response, cx);
        match &self.progress {
            Progress::Known(_) => self.own_status(),
            Progress::AwaitingHttp => self.judge_http(response, cx, end_of_stream),
            Progress::AwaitingGrpc(_) => self.judge_call(response, cx, end_of_stream),
        }
    }

    /// The HTTP status of a refusal, for who doesn't read that of gRPC: to a client with a
    /// gRPC content type Envoy has made it 200.
    fn own_status(&self) -> HeaderEdits {
        let mut edits = HeaderEdits::default();
        let refusal = self.bridged.filter(|status| *status != 200);
        refusal.into_iter().for_each(|status| edits.set(STATUS_CODE, status.to_string()));
        edits
    }

    /// Says once that the bootstrap has a `header_prefix`. The router names its headers by
    /// that, one of which stands on every answer of an upstream, and knows none that the
    /// filter sets.
    /// <https://www.envoyproxy.io/docs/envoy/latest/api-v3/config/bootstrap/v3/bootstrap.proto>
    fn notice_prefix(&mut self, response: &impl ResponseHead, cx: Context<'_, impl SharedStore>) {
        const OF_ROUTER: &str = "-upstream-service-time";
        let known = &self.context.prefix_known;
        if known.get() || self.phase.flight().is_none() {
            return;
        }
        let usual = response.header(UPSTREAM_SERVICE_TIME).is_some();
        let other = (!usual).then(|| response.name_ending(OF_ROUTER)).flatten();
        known.set(usual || other.is_some());
        let Some(name) = other else { return };
        if Notice::default().is_due(&self.context.prefix_told, Nanos::MAX, cx) {
            let prefix = name.strip_suffix(OF_ROUTER).unwrap_or_default();
            self.signals.log.push(format!(
                "the bootstrap's header_prefix is {prefix}: Envoy's router knows no x-envoy-* header, so timeout and retries of probes are without effect, and the headers for them reach the application; leave header_prefix out"
            ));
        }
    }

    fn judge_call(
        &mut self,
        response: &impl ResponseHead,
        cx: Context<'_, impl SharedStore>,
        end_of_stream: bool,
    ) -> HeaderEdits {
        // An answer that isn't one of gRPC, or can't be read, says nothing of health.
        let is_sound = || {
            response.status() == Some(200)
                && response.header(CONTENT_TYPE).is_some_and(|kind| grpc::is_grpc(&kind))
                && response.header(GRPC_ENCODING).is_none_or(|encoding| encoding == b"identity")
        };
        let fetch = self.phase.flight().map(|flight| &flight.fetch);
        if fetch.is_some_and(|fetch| fetch.capture.is_some()) && is_sound() {
            self.begin_capture(
                CachedResponse::begun(response, SERVICE_UNAVAILABLE),
                None,
                response,
            );
        }
        let Progress::AwaitingGrpc(answer) = &self.progress else { return HeaderEdits::default() };
        let said = response.header(GRPC_STATUS).and_then(|it| grpc::parse_status(&it));
        let Some(status) = said.or_else(|| envoys_own_status(response)) else {
            // The verdict is in the messages: too late for a header.
            return self.probe.identification();
        };
        let origin = Origin::of(response);
        let late = origin.is_late();
        let outcome = if late { Outcome::Timeout } else { answer.outcome(Some(status)) };
        let failed = match origin {
            Origin::Timeout if self.is_callers_deadline() => None,
            Origin::Overlong if !self.end_stream => None,
            Origin::Elsewhere => None,
            _ => grpc::is_servers_fault(status).then_some(true),
        };
        self.settle_breaker(cx, failed);
        if origin != Origin::Application {
            self.fail_refresh(cx, status_of_call(status));
        }
        if end_of_stream {
            self.capture_call(status);
            self.keep_captured(cx);
        } else if let Some(capture) = self.capture_mut() {
            capture.forget(); // A status at both ends: either may be meant.
        }
        let mut edits = self.conclude(outcome);
        if late && said.is_some() {
            // Envoy reports its own timeouts as UNAVAILABLE and UNKNOWN.
            edits.set(GRPC_STATUS, grpc::code::DEADLINE_EXCEEDED.to_string());
        }
        edits
    }

    fn judge_http(
        &mut self,
        response: &impl ResponseHead,
        cx: Context<'_, impl SharedStore>,
        end_of_stream: bool,
    ) -> HeaderEdits {
        let origin = Origin::of(response);
        let status = origin.status(response);
        let answer = CachedResponse::begun(response, status);
        self.learn_upstream(response, cx, origin);
        self.judge_for_breaker(cx, origin, status);

        let outcome = if origin.is_late() { Outcome::Timeout } else { answer.verdict().outcome() };
        if origin != Origin::Application && matches!(self.probe.action, Action::Cache(_)) {
            self.fail_refresh(cx, status);
            if let Some(kept) = self.take_fallback(end_of_stream) {
                return self.replace_by(kept, cx.now, end_of_stream);
            }
        }
        self.begin_capture(answer, self.tells_failure(origin, status), response);
        if end_of_stream {
            self.complete(cx);
        }
        self.conclude(outcome)
    }

    /// Envoy's own answer is not the application's: tells those who wait that there is
    /// none, only this HTTP status.
    fn fail_refresh(&mut self, cx: Context<'_, impl SharedStore>, status: u16) {
        if let Some(flight) = self.phase.flight_mut() {
            flight.fetch.capture = None;
        }
        let (token, failure) = (self.token, Failure { status, at: cx.now });
        self.settle_refresh(cx, |entry| entry.fail(token, failure));
    }

    /// What is kept of the last answer, where it can stand in the place of one.
    fn take_fallback(&mut self, end_of_stream: bool) -> Option<CachedResponse> {
        let fetch = &mut self.phase.flight_mut()?.fetch;
        // Without a body to replace, only an answer without one can stand there.
        let has_room = !end_of_stream || fetch.replacement.is_some();
        fetch.fallback.take().filter(|kept| has_room || kept.body.is_empty())
    }

    fn note_progress(&mut self, progress: ResponseProgress) {
        if let Some(flight) = self.phase.flight_mut() {
            flight.response = progress;
        }
    }

    /// More than its head has come of an answer.
    fn release_head(&mut self) {
        if self.holds_head() {
            self.note_progress(ResponseProgress::Begun);
        }
    }

    /// All of the answer is there.
    pub(super) fn complete(&mut self, cx: Context<'_, impl SharedStore>) {
        self.note_progress(ResponseProgress::Complete);
        self.keep_captured(cx);
        // What would have been a failure has been told already; a call of gRPC that
        // ends without a status is neither.
        let in_grpc = matches!(self.progress, Progress::AwaitingGrpc(_));
        self.settle_breaker(cx, (!in_grpc).then_some(false));
    }

    /// What the head of an answer tells the breaker: a failure at once, a success
    /// only when the answer is complete. What a client brought about says nothing,
    /// and must not let a client open or close it.
    pub(super) fn judge_for_breaker(
        &mut self,
        cx: Context<'_, impl SharedStore>,
        origin: Origin,
        status: u16,
    ) {
        match self.tells_failure(origin, status) {
            Some(false) => {}
            failed => self.settle_breaker(cx, failed),
        }
    }

    /// Whether an answer shows that the application fails. `None` is one that a client or
    /// another filter brought about.
    pub(super) fn tells_failure(&self, origin: Origin, status: u16) -> Option<bool> {
        let asking = self.phase.flight().map(|flight| flight.closing.asking);
        match origin {
            Origin::Application => match Fault::of(status) {
                Fault::None => Some(false),
                Fault::Client => None,
                Fault::Server => Some(true),
            },
            Origin::Timeout if self.is_callers_deadline() => None,
            // What asking brought about isn't the application's fault.
            Origin::ProtocolError | Origin::Terminated if asking == Some(CloseRequest::Trial) => {
                None
            }
            Origin::Overlong => self.end_stream.then_some(true),
            Origin::Elsewhere => None,
            _ => (status >= 500).then_some(true),
        }
    }

    /// Whether the application had only as long as the caller gave it.
    fn is_callers_deadline(&self) -> bool {
        self.phase.flight().is_some_and(|flight| flight.deadline.callers)
    }

    pub(super) fn conclude(&mut self, outcome: Outcome) -> HeaderEdits {
        self.progress = Progress::Known(outcome);
        match outcome {
            Outcome::Pass => self.probe.annotation(Verdict::Pass),
            Outcome::Warn => self.probe.annotation(Verdict::Warn),
            Outcome::Fail | Outcome::Timeout => self.probe.annotation(Verdict::Fail),
            _ => self.probe.identification(),
        }
    }

    /// Puts the kept answer in the place of Envoy's own error.
    fn replace_by(
        &mut self,
        kept: CachedResponse,
        now: Instant,
        end_of_stream: bool,
    ) -> HeaderEdits {
        self.progress = Progress::Known(Outcome::Cached);
        let mut edits = self.probe.describe(&kept, now);
        edits.set(STATUS_CODE, kept.status.to_string());
        edits.remove.push(CONTENT_LENGTH);
        if let Some(flight) = self.phase.flight_mut() {
            flight.untyped = kept.content_type.is_none();
            if !end_of_stream {
                flight.fetch.replacement.get_or_insert(kept.body);
            }
        }
        edits
    }

    /// Takes the next piece of the answer's body, which `read` reads where it
    /// matters.
    pub fn on_response_body(
        &mut self,
        read: impl FnOnce() -> Vec<u8>,
        cx: Context<'_, impl SharedStore>,
        end_of_stream: bool,
    ) -> BodyEdit {
        self.release_head();
        if let Some(edit) = self.translate_body(end_of_stream) {
            if end_of_stream {
                self.complete(cx);
            }
            return edit;
        }
        let fetch = self.phase.flight_mut().map(|flight| &mut flight.fetch);
        let capture = fetch.and_then(|fetch| fetch.capture.as_mut());
        let max_body = self.probe.memory.as_ref().map_or(0, |(rule, _)| rule.max_body);
        if let Progress::AwaitingGrpc(answer) = &mut self.progress {
            let bytes = read();
            match capture {
                // A call that ends here has no status, and can't be judged.
                Some(capture) if end_of_stream => capture.forget(),
                Some(capture) => capture.feed(&bytes, max_body),
                None => {}
            }
            let watch = answer.method() == GrpcMethod::Watch;
            let watch = self.probe.metrics.watch.filter(|_| watch);
            let raise = &mut self.signals.raise;
            answer.on_body(&bytes, |said| raise.extend(watch.map(|it| it.of(said))));
            // A Watch may go on for long after its first message.
            match answer.said() {
                Some(Outcome::Pass) => self.settle_breaker(cx, Some(false)),
                Some(Outcome::Fail) => self.settle_breaker(cx, Some(true)),
                _ => {}
            }
        } else if let Some(capture) = capture {
            capture.feed(&read(), max_body);
        }
        if end_of_stream {
            self.complete(cx);
        }
        let fetch = self.phase.flight_mut().map(|flight| &mut flight.fetch);
        match fetch.and_then(|fetch| fetch.replacement.as_mut()) {
            Some(body) if end_of_stream => BodyEdit::Replace(std::mem::take(body)),
            Some(_) => BodyEdit::Replace(Vec::new()),
            None => BodyEdit::Keep,
        }
    }

    /// The answer ends with trailers. `grpc_status`, the one of that name, is read where
    /// it matters.
    pub fn on_response_trailers(
        &mut self,
        cx: Context<'_, impl SharedStore>,
        grpc_status: impl FnOnce() -> Option<Vec<u8>>,
    ) {
        self.release_head();
        // gRPC-Web's filter takes them away: nothing is left of them in the end.
        let mut outcome = None;
        if let Progress::AwaitingGrpc(answer) = &self.progress {
            let status = grpc_status().and_then(|value| grpc::parse_status(&value));
            outcome = status.map(|status| answer.outcome(Some(status)));
            match status {
                Some(status) => self.capture_call(status),
                None => {
                    if let Some(flight) = self.phase.flight_mut() {
                        flight.fetch.capture = None;
                    }
                }
            }
            let failed = match status {
                Some(grpc::code::OK) => Some(false),
                Some(status) if grpc::is_servers_fault(status) => Some(true),
                _ => None,
            };
            self.settle_breaker(cx, failed);
        }
        self.complete(cx);
        outcome.into_iter().for_each(|outcome| self.progress = Progress::Known(outcome));
    }
}

impl CachedResponse {
    /// The head of an answer whose body is still to come.
    pub(super) fn begun(response: &impl ResponseHead, status: u16) -> Self {
        Self {
            status,
            grpc_status: grpc::code::OK,
            marked: marked(response),
            content_type: response.header(CONTENT_TYPE),
            body: Vec::new(),
            at: Instant::ZERO,
        }
    }
}
