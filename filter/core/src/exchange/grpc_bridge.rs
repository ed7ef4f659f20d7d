//! Calls of gRPC that the proxy answers.
//!
//! A Wasm filter can't send a message of gRPC by itself: whatever it sends to a gRPC
//! client, Envoy makes a status of it. So the call goes elsewhere, as a GET: to the
//! loopback responder, or to the application's HTTP health path. What comes back is
//! made into the answer on its way.

use super::Exchange;
use super::guards::CacheRole;
use super::message::Message;
use super::phase::{Phase, Progress};
use super::translation::Translation;
use crate::base::outcome::{Outcome, Verdict, details};
use crate::base::time::Instant;
use crate::evidence::Detail;
use crate::exchange::decision::Decision;
use crate::grpc::{self, GrpcMethod, ServingStatus, check_answer, code, list_answer};
use crate::guards::cache::CachedResponse;
use crate::http::classify::{Origin, SERVICE_UNAVAILABLE};
use crate::http::edits::{BodyEdit, HeaderEdits, Reply};
use crate::http::headers::{
    CLIENT_OVERRIDES, CONTENT_LENGTH, CONTENT_TYPE, GRPC_MESSAGE, GRPC_STATUS, MAX_RETRIES, METHOD,
    OF_GRPC, ORIGINAL_METHOD, PATH, RESPONDER, STATUS_CODE, TE, UPSTREAM_RQ_TIMEOUT_MS,
};
use crate::http::request::{RequestHead, ResponseHead};
use crate::probe::{Action, Probe};
use crate::state::{Context, SharedStore};

impl Exchange {
    /// `respond`: the answer to a call, by what is known.
    pub(super) fn respond_to_call(
        &mut self,
        request: &impl RequestHead,
        cx: Context<'_, impl SharedStore>,
    ) -> Decision {
        let Some(method) = self.method() else { return Decision::NotAProbe };
        if self.context.grpc_replies.is_some() && method == GrpcMethod::Watch {
            // After one message the stream would end, and its client ask again at once.
            return self.refuse_method("Watch is not answered here");
        }
        let verdict = self.verdict_of(&self.probe, cx);
        let said =
            if self.knows_service() { verdict.into() } else { ServingStatus::ServiceUnknown };
        if method == GrpcMethod::Check && said == ServingStatus::ServiceUnknown {
            let reply = self.refuse(code::NOT_FOUND, "unknown service", details::RESPOND_UNKNOWN);
            return self.answer(reply, Outcome::Fail);
        }
        let head = self.probe.annotation(verdict);
        if self.context.grpc_replies.is_some() {
            let body = match method {
                GrpcMethod::List => self.list(cx),
                GrpcMethod::Check | GrpcMethod::Watch => check_answer(said),
            };
            return self.send(body, code::OK, head, verdict.outcome());
        }
        if verdict == Verdict::Fail {
            let reply = self.refuse(code::UNAVAILABLE, "NOT_SERVING", details::RESPOND_FAIL);
            let headers = head.set.into();
            return self.answer(Reply { headers, ..reply }, Outcome::Fail);
        }
        self.forward(request, cx, CacheRole::Bypass, None)
    }

    fn verdict_of(&self, probe: &Probe, cx: Context<'_, impl SharedStore>) -> Verdict {
        self.context.evidence.report(&probe.items, Detail::Omitted, cx).verdict()
    }

    /// The answer to a List: all services that the proxy answers for.
    fn list(&self, cx: Context<'_, impl SharedStore>) -> Vec<u8> {
        let rules = self.call.iter().flat_map(|call| call.rules.iter());
        list_answer(rules.filter(|rule| rule.probe.responds()).flat_map(|rule| {
            let status = self.verdict_of(&rule.probe, cx).into();
            rule.known_services().map(move |service| (service, status))
        }))
    }

    /// An answer that was kept.
    pub(super) fn serve_to_call(&mut self, answer: CachedResponse, now: Instant) -> Decision {
        let mut head = self.probe.describe(&answer, now);
        head.set.retain(|(name, _)| *name != CONTENT_TYPE);
        if answer.body.is_empty() {
            let reply = self.refuse(answer.grpc_status, details::CACHED, details::CACHED);
            return self.answer(Reply { headers: head.set.into(), ..reply }, Outcome::Cached);
        }
        self.send(answer.body, answer.grpc_status, head, Outcome::Cached)
    }

    /// A status without a message.
    pub(super) fn refuse(&self, status: u32, message: &str, details: &'static str) -> Reply {
        let headers = self.probe.identification().set.into();
        let body = message.into();
        let http_status = code::http_status(status);
        Reply { status: http_status, headers, body, grpc_status: Some(status), details }
    }

    /// The health protocol has clients take this for "no health checking here".
    pub(super) fn refuse_method(&mut self, message: &str) -> Decision {
        let reply = self.refuse(code::UNIMPLEMENTED, message, details::UNTRANSLATABLE);
        self.answer(reply, Outcome::Error)
    }

    /// Remembers whether the client gets the answer through a filter that makes HTTP of
    /// it. Such a one hangs on trailers that are added to an answer (envoy#29879), and
    /// passes on refusals that Envoy, which takes its client for one of gRPC, sends as 200.
    pub(super) fn heed_bridge(
        &mut self,
        decision: Decision,
        request: &impl RequestHead,
    ) -> Decision {
        let status = match &decision {
            Decision::Reply(reply) if reply.grpc_status.is_some() => reply.status,
            Decision::Forward(_) if self.phase.translation().is_some() => 200,
            _ => return decision,
        };
        if is_bridged(request) {
            self.bridged = Some(status);
            if !self.context.bridge_seen.replace(true) {
                self.signals.log.push(format!(
                    "probe {:?}: a filter that translates gRPC to HTTP stands before this one: put it behind",
                    self.probe.name
                ));
            }
        }
        decision
    }

    /// Sends messages, by way of the responder.
    pub(super) fn send(
        &mut self,
        body: Vec<u8>,
        status: u32,
        head: HeaderEdits,
        outcome: Outcome,
    ) -> Decision {
        self.progress = Progress::Known(outcome);
        self.phase = Phase::Relayed(Some(Translation::Loopback { body, status, head }));
        let mut edits = HeaderEdits { remove: CLIENT_OVERRIDES.to_vec(), set: Vec::new() };
        edits.remove.extend(OF_GRPC);
        edits.set(METHOD, "GET");
        edits.set(PATH, self.context.grpc_replies.as_deref().unwrap_or_default());
        edits.set(UPSTREAM_RQ_TIMEOUT_MS, "1000");
        edits.set(MAX_RETRIES, "0");
        Decision::Forward(edits)
    }

    /// Whether the service that a call asks for is one that the rule answers for.
    /// Where the message can't be read, it is the server as a whole.
    fn knows_service(&self) -> bool {
        let service = self.service().unwrap_or_default();
        self.rule().is_some_and(|rule| rule.answers_for(service))
    }

    /// Makes the head of what came back into that of an answer of gRPC; `None` where
    /// it is one already, for it is Envoy's own.
    pub(super) fn translate_head(
        &mut self,
        translation: Translation,
        response: &impl ResponseHead,
        cx: Context<'_, impl SharedStore>,
        end_of_stream: bool,
    ) -> Option<HeaderEdits> {
        let bridged = self.bridged.is_some();
        let may_be_envoys = bridged || response.header(GRPC_STATUS).is_some();
        if may_be_envoys && Origin::of(response) != Origin::Application {
            if matches!(translation, Translation::Loopback { .. }) {
                self.miss_responder(response);
            }
            return None;
        }
        let (body, status, mut edits) = match translation {
            Translation::Loopback { body, status, head }
                if response.header(RESPONDER).is_some() =>
            {
                (body, status, head)
            }
            Translation::Loopback { .. } => {
                self.miss_responder(response);
                (Vec::new(), code::UNAVAILABLE, HeaderEdits::default())
            }
            _ => {
                let status = response.status().unwrap_or_default();
                self.judge_for_breaker(cx, Origin::Application, status);
                let verdict = CachedResponse::begun(response, status).verdict();
                if !end_of_stream || verdict != Verdict::Fail {
                    self.probe.http_has_body.set(!end_of_stream);
                }
                (check_answer(verdict.into()), code::OK, self.conclude(verdict.outcome()))
            }
        };
        edits.remove.extend([CONTENT_LENGTH, RESPONDER]);
        edits.set(STATUS_CODE, "200");
        edits.set(CONTENT_TYPE, "application/grpc");
        if end_of_stream {
            // There is no body to put the message in.
            let failed = matches!(self.progress, Progress::Known(Outcome::Fail));
            let (status, message) = match status {
                code::OK if failed => (code::UNAVAILABLE, "NOT_SERVING"),
                code::OK => (code::UNIMPLEMENTED, "the HTTP answer has no body"),
                other => (other, "no loopback responder"),
            };
            self.set_status(&mut edits, status);
            edits.set(GRPC_MESSAGE, message);
            if !failed {
                self.progress = Progress::Known(Outcome::Error);
            }
            self.complete(cx);
        } else {
            if bridged {
                self.set_status(&mut edits, status);
            }
            if let Some(translation) = self.phase.translation_mut() {
                *translation = Some(Translation::Begun { body, status });
            }
        }
        Some(edits)
    }

    /// Sets the status of an answer in its head.
    fn set_status(&self, edits: &mut HeaderEdits, status: u32) {
        edits.set(GRPC_STATUS, status.to_string());
        if self.bridged.is_some() {
            edits.set(STATUS_CODE, code::http_status(status).to_string());
        }
    }

    fn miss_responder(&mut self, response: &impl ResponseHead) {
        self.progress = Progress::Known(Outcome::Error);
        if !self.context.responder_missed.replace(true) {
            let path = self.context.grpc_replies.as_deref().unwrap_or_default();
            // A filter behind this one says so, where the router would name the upstream.
            let refused = Origin::of(response) == Origin::Elsewhere
                && response.code_details().is_some_and(|details| details.starts_with(b"rbac_"));
            let why = if refused {
                "authorisation behind this filter refuses GET of it: allow that, see envoy-config/istio/grpc-responder-policy.yaml"
            } else {
                "no loopback responder answers there: see envoy-config/static/grpc.yaml"
            };
            self.signals.log.push(format!("grpc_replies: {path:?}: {why}"));
        }
    }

    /// What stands in the place of a piece of what came back.
    pub(super) fn translate_body(&mut self, end_of_stream: bool) -> Option<BodyEdit> {
        let translation = self.phase.translation_mut()?;
        let Some(Translation::Begun { body, status }) = translation else { return None };
        let body = std::mem::take(body);
        // Otherwise the status stands in the head.
        let ends = end_of_stream && self.bridged.is_none();
        Some(if ends { BodyEdit::End(body, *status) } else { BodyEdit::Replace(body) })
    }

    /// The status that stands in the trailers of what came back.
    pub fn translated_status(&self) -> Option<u32> {
        match self.phase.translation() {
            Some(Translation::Begun { status, .. }) => Some(*status),
            _ => None,
        }
    }

    /// Whether the answer to this call may be everyone's.
    pub(super) fn is_cacheable_call(&self) -> bool {
        let cached = matches!(self.probe.action, Action::Cache(_));
        let sendable = self.context.grpc_replies.is_some();
        cached && sendable && matches!(self.message, Message::Read(_)) && !self.is_watch()
    }

    /// What tells the answers to this call from those to others.
    pub(super) fn call_scope(&self) -> [&[u8]; 2] {
        let list = self.method() == Some(GrpcMethod::List);
        let method: &[u8] = if list { b"List" } else { b"Check" };
        [method, self.service().unwrap_or_default().as_bytes()]
    }

    /// Keeps the answer to a call, which has ended with `status`.
    pub(super) fn capture_call(&mut self, status: u32) {
        let Progress::AwaitingGrpc(answer) = &self.progress else { return };
        let outcome = answer.outcome(Some(status));
        // What a client may have brought about says nothing to others; and names that
        // clients make up would take the place of real ones.
        let sound = match status {
            code::OK => outcome != Outcome::Error,
            status => grpc::is_servers_fault(status),
        };
        if let Some(capture) = self.capture_mut() {
            match sound {
                true if outcome == Outcome::Pass => capture.judge(200, status),
                true => capture.judge(SERVICE_UNAVAILABLE, status),
                false => capture.forget(),
            }
        }
    }
}

/// Whether a filter before this one has made a call of gRPC of something else, and makes
/// HTTP of the answer. `grpc_json_transcoder` notes the method that the request had;
/// `grpc_http1_bridge` leaves an HTTP/1.1 request as it is, without the `te: trailers` that
/// every client of gRPC sends, and gRPC-Web's filter for its own.
/// <https://github.com/grpc/grpc/blob/master/doc/PROTOCOL-HTTP2.md#requests>
fn is_bridged(request: &impl RequestHead) -> bool {
    let is_http1 = || request.protocol().is_some_and(|it| it.starts_with(b"HTTP/1"));
    request.header(ORIGINAL_METHOD).is_some() || (request.header(TE).is_none() && is_http1())
}
