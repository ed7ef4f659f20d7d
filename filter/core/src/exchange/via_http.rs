//! `via_http`: a Check that asks an application without gRPC for its health in HTTP.
//!
//! The message stands in the body of what comes back, and an answer without a body has no
//! room for it: no host call adds one. So where a responder can bring the message, the
//! application is asked by a call of the proxy's own, in the cluster that the Check's route
//! leads to; which one the path leads to, Envoy tells nobody before the request is on its
//! way. Only what speaks of health counts. Else the request takes the path's own route, and
//! where what comes from there has a body, the next ones do so at once.

use super::Exchange;
use super::phase::Phase;
use super::translation::Translation;
use crate::base::outcome::Outcome;
use crate::base::time::Instant;
use crate::callout::{CallAnswer, CheckResponse, HttpCall, Payload};
use crate::exchange::decision::Decision;
use crate::grpc::{GrpcMethod, check_answer, code, is_grpc};
use crate::guards::cache::CachedResponse;
use crate::http::classify::{GATEWAY_TIMEOUT, Origin};
use crate::http::edits::HeaderEdits;
use crate::http::headers::{AUTHORITY, CONTENT_TYPE, METHOD, OF_GRPC, PATH};
use crate::http::request::RequestHead;
use crate::state::{Context, SharedStore};
use std::time::Duration;

impl Exchange {
    /// `via_http`: makes a request that is forwarded that of an HTTP probe.
    pub(super) fn translate(&mut self, edits: &mut HeaderEdits) {
        let (Some(path), Some(flight)) = (&self.probe.via_http, self.phase.flight_mut()) else {
            return;
        };
        edits.remove.extend(OF_GRPC);
        edits.set(METHOD, "GET");
        edits.set(PATH, &**path);
        flight.translation = Some(Translation::ViaHttp);
    }

    /// Whether it is a call that HTTP has nothing for.
    pub(super) fn cant_be_translated(&self) -> bool {
        self.probe.via_http.is_some() && self.method() != Some(GrpcMethod::Check)
    }

    /// The call that asks the application, where a responder can bring what it says. What
    /// nothing bounds isn't asked: a client that goes away doesn't end a call.
    pub(super) fn call_in_http(
        &self,
        request: &impl RequestHead,
        timeout: Option<Duration>,
    ) -> Option<HttpCall> {
        let path = self.probe.via_http.clone()?;
        self.context.grpc_replies.as_ref().filter(|_| !self.probe.http_has_body.get())?;
        Some(HttpCall {
            cluster: String::from_utf8(request.cluster()?).ok()?,
            host: String::from_utf8(request.header(AUTHORITY)?.into_owned()).ok()?,
            path,
            payload: Payload::Nothing,
            headers: Vec::new(),
            probe: Some(self.probe.name.clone()),
            timeout: timeout?,
        })
    }

    /// What came of [`Decision::Ask`]; `None` where the application wasn't asked.
    pub fn on_call_answer(
        &mut self,
        answer: Option<&impl CallAnswer>,
        request: &impl RequestHead,
        cx: Context<'_, impl SharedStore>,
    ) -> Decision {
        let decision = match answer.map(|answer| (answer, CheckResponse::read(answer, None))) {
            Some((_, CheckResponse::Timeout)) => {
                self.judge_for_breaker(cx, Origin::Timeout, GATEWAY_TIMEOUT);
                self.release_trial(cx);
                self.answer(self.probe.reply_overdue(self.wall(cx.now)), Outcome::Timeout)
            }
            Some((answer, CheckResponse::Answer(status)))
                if self.speaks_of_health(answer, status) =>
            {
                let failed = self.tells_failure(Origin::Application, status);
                self.settle_breaker(cx, failed);
                self.release_trial(cx);
                let verdict = CachedResponse::begun(answer, status).verdict();
                let head = self.probe.annotation(verdict);
                self.send(check_answer(verdict.into()), code::OK, head, verdict.outcome())
            }
            _ => self.take_off(cx.now),
        };
        self.heed_bridge(decision, request).only_what_is_there(request)
    }

    /// Forwards what was to wait for a call first.
    fn take_off(&mut self, now: Instant) -> Decision {
        let Phase::Asking(flight) = std::mem::replace(&mut self.phase, Phase::Ordinary) else {
            return Decision::NotAProbe;
        };
        let left = flight.deadline.after.map(|after| {
            let waited = Duration::from_nanos(now.since(self.arrived));
            after.saturating_sub(waited).max(Duration::from_millis(1))
        });
        let mut edits = self.probe.forward(left, self.end_stream, flight.closing.asks());
        self.phase = Phase::Forwarded(flight);
        self.translate(&mut edits);
        Decision::Forward(edits)
    }

    /// Whether an answer is that of a health endpoint. One that knows no such path is not,
    /// nor is one in gRPC.
    fn speaks_of_health(&self, answer: &impl CallAnswer, status: u16) -> bool {
        let in_grpc = answer.header(CONTENT_TYPE).is_some_and(|kind| is_grpc(&kind));
        !in_grpc && self.tells_failure(Origin::Application, status).is_some()
    }
}
