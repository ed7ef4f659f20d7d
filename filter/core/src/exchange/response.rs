//! The way back: what the prober is told, and what is kept.

use super::grpc_bridge::http_status;
use super::{Exchange, Progress};
use crate::base::outcome::{Outcome, Verdict};
use crate::base::time::{Instant, Nanos};
use crate::grpc::{self, GrpcMethod, code};
use crate::guards::cache::{CachedResponse, Failure};
use crate::guards::upstream::Asking;
use crate::http::edits::{BodyEdit, HeaderEdits};
use crate::http::headers::{
    CONTENT_LENGTH, CONTENT_TYPE, DEGRADED, GRPC_ENCODING, GRPC_STATUS,
    IMMEDIATE_HEALTH_CHECK_FAIL, SCORE, STATUS_CODE, UPSTREAM_SERVICE_TIME,
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
        if self.held.untyped {
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
        self.held.complete = end_of_stream;
        self.held.begun = true;
        self.held.head_waits = self.may_hold_head(response) && !end_of_stream;
        self.look_where_it_went(response, cx);
        if let Some(translation) = self.held.translation.take() {
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
        let refusal = self.held.bridged.filter(|status| *status != 200);
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
        if known.get() || !self.held.forwarded {
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
        // What isn't gRPC's own, and sound, is nobody's health.
        let is_sound = || {
            response.status() == Some(200)
                && response.header(CONTENT_TYPE).is_some_and(|kind| grpc::is_grpc(&kind))
                && response.header(GRPC_ENCODING).is_none_or(|encoding| encoding == b"identity")
        };
        if self.held.capture.is_some() && is_sound() {
            self.begin_capture(CachedResponse::begun(response, 503), None, response);
        }
        let Progress::AwaitingGrpc(answer) = &self.progress else { return HeaderEdits::default() };
        let said = response.header(GRPC_STATUS).and_then(|it| grpc::parse_status(&it));
        let Some(status) = said.or_else(|| envoys_own(response)) else {
            // The verdict is in the messages: too late for a header.
            return self.probe.identification();
        };
        let reason = reason(response);
        let late = matches!(reason, Reason::Timeout | Reason::Overlong);
        let outcome = if late { Outcome::Timeout } else { answer.outcome(Some(status)) };
        let failed = match reason {
            Reason::Timeout if self.held.callers_deadline => None,
            Reason::Overlong if !self.whole => None,
            Reason::Elsewhere => None,
            _ => grpc::is_servers_fault(status).then_some(true),
        };
        self.settle_breaker(cx, failed);
        if reason != Reason::Application {
            self.fail_refresh(cx, http_status(status));
        }
        if end_of_stream {
            self.capture_call(status);
            self.keep_captured(cx);
        } else if let Some(capture) = &mut self.held.capture {
            capture.forget(); // A status at both ends: which of them holds is nobody's to say.
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
        let reason = reason(response);
        let status = status(response, reason);
        let answer = CachedResponse::begun(response, status);
        self.learn_upstream(response, cx, reason);
        self.judge_for_breaker(cx, reason, status);

        let outcome = match reason {
            Reason::Timeout | Reason::Overlong => Outcome::Timeout,
            _ => answer.verdict().outcome(),
        };
        if reason != Reason::Application && matches!(self.probe.action, Action::Cache(_)) {
            self.fail_refresh(cx, status);
            // Without a body to replace, only an answer without one can stand there.
            let bodiless = self.held.replacement.is_some();
            let covers = |kept: &CachedResponse| !end_of_stream || bodiless || kept.body.is_empty();
            if let Some(kept) = self.held.fallback.take().filter(covers) {
                return self.replace_by(kept, cx.now, end_of_stream);
            }
        }
        self.begin_capture(answer, self.tells_failure(reason, status), response);
        if end_of_stream {
            self.complete(cx);
        }
        self.conclude(outcome)
    }

    /// Envoy's own answer is not the application's: tells those who wait that there is
    /// none, only this HTTP status.
    fn fail_refresh(&mut self, cx: Context<'_, impl SharedStore>, status: u16) {
        self.held.capture = None;
        let (token, failure) = (self.token, Failure { status, at: cx.now });
        self.settle_refresh(cx, |entry| entry.fail(token, failure));
    }

    /// All of the answer is there.
    pub(super) fn complete(&mut self, cx: Context<'_, impl SharedStore>) {
        self.held.complete = true;
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
        reason: Reason,
        status: u16,
    ) {
        match self.tells_failure(reason, status) {
            Some(false) => {}
            failed => self.settle_breaker(cx, failed),
        }
    }

    /// Whether an answer shows that the application fails. `None` is one that a client or
    /// another filter brought about.
    fn tells_failure(&self, reason: Reason, status: u16) -> Option<bool> {
        const NOT_IMPLEMENTED: u16 = 501; // the method
        const VERSION_NOT_SUPPORTED: u16 = 505;
        match (reason, status) {
            (Reason::Application, ..400) => Some(false),
            (Reason::Application, 400..500 | NOT_IMPLEMENTED | VERSION_NOT_SUPPORTED) => None,
            (Reason::Timeout, _) if self.held.callers_deadline => None,
            // What asking brought about isn't the application's fault.
            (Reason::ProtocolError | Reason::Terminated, _)
                if self.held.asking == Asking::Trial =>
            {
                None
            }
            (Reason::Overlong, _) => self.whole.then_some(true),
            (Reason::Elsewhere, _) => None,
            (_, 500..) => Some(true),
            _ => None,
        }
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
        self.held.untyped = kept.content_type.is_none();
        if !end_of_stream && self.held.replacement.is_none() {
            self.held.replacement = Some(kept.body);
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
        self.held.head_waits = false;
        if let Some(edit) = self.translate_body(end_of_stream) {
            if end_of_stream {
                self.complete(cx);
            }
            return edit;
        }
        if let Progress::AwaitingGrpc(answer) = &mut self.progress {
            let bytes = read();
            match (&mut self.held.capture, &self.probe.memory) {
                // A call that ends here has no status, and can't be judged.
                (Some(capture), _) if end_of_stream => capture.forget(),
                (Some(capture), Some((rule, _))) => capture.feed(&bytes, rule.max_body),
                _ => {}
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
        } else if let (Some(capture), Some((rule, _))) =
            (&mut self.held.capture, &self.probe.memory)
        {
            capture.feed(&read(), rule.max_body);
        }
        if end_of_stream {
            self.complete(cx);
        }
        match &mut self.held.replacement {
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
        self.held.head_waits = false;
        // gRPC-Web's filter takes them away: nothing is left of them in the end.
        let mut outcome = None;
        if let Progress::AwaitingGrpc(answer) = &self.progress {
            let status = grpc_status().and_then(|value| grpc::parse_status(&value));
            outcome = status.map(|status| answer.outcome(Some(status)));
            match status {
                Some(status) => self.capture_call(status),
                None => self.held.capture = None,
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

/// Who made an answer, and why.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Reason {
    Application,
    /// Envoy gave up on the application.
    Timeout,
    /// The stream went on for too long: where its request never ended, its client is why.
    Overlong,
    /// The application couldn't make sense of the request, or Envoy of its answer.
    ProtocolError,
    /// The application ended the connection without an answer.
    Terminated,
    /// Envoy couldn't reach the application, or its answer broke off.
    Unreachable,
    /// Another filter, Envoy's configuration or what clients bring about: it says nothing
    /// about the application.
    Elsewhere,
}

/// Reads Envoy's reason for the response.
/// <https://www.envoyproxy.io/docs/envoy/latest/configuration/http/http_conn_man/response_code_details>
pub(super) fn reason(response: &impl ResponseHead) -> Reason {
    let details = response.code_details().unwrap_or_default();
    match details.as_slice() {
        b"via_upstream" => Reason::Application,
        b"response_timeout" | b"upstream_per_try_timeout" => Reason::Timeout,
        b"upstream_max_stream_duration_reached" => Reason::Overlong,
        b"no_healthy_upstream" | b"upstream_per_try_idle_timeout" => Reason::Unreachable,
        details => reset_reason(details),
    }
}

/// What resets a stream to the application that is the application's doing. More requests
/// than the cluster's circuit breakers allow (`overflow`), Envoy's own resets and its
/// overload manager's are not.
const UPSTREAM_RESETS: [&str; 7] = [
    "connection_failure",
    "remote_connection_failure",
    "local_connection_failure",
    "connection_timeout",
    "remote_reset",
    "remote_refused_stream_reset",
    "connect_error",
];

/// Why a stream was reset: `upstream_reset_before_response_started{remote_reset}`, with
/// more detail behind `|` or a comma.
fn reset_reason(details: &[u8]) -> Reason {
    let text = std::str::from_utf8(details).unwrap_or_default();
    let reset = text.strip_prefix("upstream_reset_").and_then(|text| text.split_once('{'));
    let reset = reset.and_then(|(_, text)| text.split(['|', ',', '}']).next());
    match reset {
        Some("protocol_error") => Reason::ProtocolError,
        Some("connection_termination") => Reason::Terminated,
        Some(reset) if UPSTREAM_RESETS.contains(&reset) => Reason::Unreachable,
        _ => Reason::Elsewhere,
    }
}

/// The HTTP status that an answer means. To a request with a gRPC content type
/// Envoy reports its own errors as 200 with a gRPC status, whoever the request
/// was for.
fn status(response: &impl ResponseHead, reason: Reason) -> u16 {
    let in_grpc = reason != Reason::Application && response.header(GRPC_STATUS).is_some();
    match reason {
        Reason::Timeout if in_grpc => 504,
        _ if in_grpc => 503,
        _ => response.status().unwrap_or_default(),
    }
}

/// The status of a call that Envoy has answered in HTTP, as it does where a filter before
/// this one has made the call.
fn envoys_own(response: &impl ResponseHead) -> Option<u32> {
    let status = response.status().filter(|status| *status != 200)?;
    let said = if status < 500 { code::PERMISSION_DENIED } else { code::UNAVAILABLE };
    (reason(response) != Reason::Application).then_some(said)
}

/// What the application says of itself by Envoy's own markers.
fn marked(response: &impl ResponseHead) -> Verdict {
    if response.header(IMMEDIATE_HEALTH_CHECK_FAIL).is_some() {
        Verdict::Fail
    } else if response.header(DEGRADED).is_some() {
        Verdict::Warn
    } else {
        Verdict::Pass
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
