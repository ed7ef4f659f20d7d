//! Calls of gRPC, where what becomes of them depends on their service: the message
//! that names it comes in the body.

use super::Exchange;
use super::message::Message;
use crate::base::outcome::Outcome;
use crate::base::time::{Instant, Nanos};
use crate::exchange::decision::Decision;
use crate::grpc::{GrpcMethod, read_service};
use crate::http::headers::CONTENT_LENGTH;
use crate::http::request::{Method, RequestHead};
use crate::probe::{Admission, GrpcRule, reply_violation};
use crate::state::{Context, SharedStore};
use std::rc::Rc;

impl Exchange {
    /// Whether the call's message must be read before anything is decided.
    pub fn wants_message(&self) -> bool {
        let Some(call) = &self.call else { return false };
        let (list, watch) = (call.method == GrpcMethod::List, self.is_watch());
        let depends = call.rules.first().is_some_and(|rule| {
            // Only of a call that was read it is known that its answer can be held back.
            let bounded = watch && rule.probe.watch_timeout.is_some();
            (!list && !rule.takes(None)) || rule.probe.depends_on_service() || bounded
        });
        depends && !matches!(self.message, Message::Read(_))
    }

    /// Whether it is to be known whether a body comes before anything is decided: the
    /// answer to a request without one may be everyone's, and it may end with a frame of
    /// its own, or trailers.
    pub fn wants_end(&self, request: &impl RequestHead) -> bool {
        let announced = || request.header(CONTENT_LENGTH).is_some_and(|it| *it != b"0"[..]);
        let keeps = self.call.is_none() && self.probe.memory.is_some();
        keeps && self.line.method != Method::Other && !announced()
    }

    /// Whether it may go on to wait for an end that Envoy may never show.
    pub fn may_wait_for_end(&self, now: Instant) -> bool {
        const LONGEST_WAIT: Nanos = 50_000_000;
        now < self.arrived + LONGEST_WAIT
    }

    /// Whether it is a call of gRPC.
    pub fn is_call(&self) -> bool {
        self.call.is_some()
    }

    /// The call's message is waited for from now on, with the request paused.
    pub fn await_message(&mut self) {
        self.message = Message::Awaited;
    }

    /// Decides what happens to the call by its message, or to the request by whether it has
    /// a body, of which `body` is all that has come; `None` means that more must come.
    pub fn on_message(
        &mut self,
        body: &[u8],
        end_stream: bool,
        request: &impl RequestHead,
        cx: Context<'_, impl SharedStore>,
    ) -> Option<Decision> {
        if self.call.is_none() {
            let bodiless = body.is_empty();
            if bodiless && !end_stream {
                return None;
            }
            self.message = Message::NotNeeded;
            return Some(self.on_request_headers(request, cx, bodiless));
        }
        let service = read_service(body, end_stream)?;
        // Servers answer when the call's own end has come, which a client may put off:
        // others must not wait for that.
        if service.is_ok() && !end_stream {
            return None;
        }
        self.message = Message::NotNeeded;
        match service {
            Ok(service) => {
                let list = self.method() == Some(GrpcMethod::List);
                self.message = Message::Read((!list).then_some(service));
                Some(self.on_request_headers(request, cx, true))
            }
            Err(violation) => {
                // Where no rule is for all, the first one has its say.
                self.choose_rule();
                let decision = match self.probe.admission(request) {
                    _ if self.is_denied_unread(request) => self.deny(request, cx),
                    Admission::NotAProbe => {
                        self.note_refusal(request, cx);
                        Decision::NotAProbe
                    }
                    _ => self.answer(reply_violation(violation), Outcome::Error),
                };
                Some(self.heed_bridge(decision, request))
            }
        }
    }

    /// Decides what happens to a call whose message can't be read in time.
    pub fn without_message(
        &mut self,
        request: &impl RequestHead,
        cx: Context<'_, impl SharedStore>,
    ) -> Decision {
        let unreadable = self.call.is_some();
        self.message = if unreadable { Message::Unreadable } else { Message::NotNeeded };
        if self.is_denied_unread(request) {
            let decision = self.deny(request, cx);
            return self.heed_bridge(decision, request);
        }
        self.on_request_headers(request, cx, false)
    }

    /// Whether a rule denies the sender that may be the call's, as far as that can be known
    /// without its service. That rule is chosen.
    fn is_denied_unread(&mut self, request: &impl RequestHead) -> bool {
        let Some(call) = &self.call else { return false };
        let first_for_all = call.rules.iter().position(|rule| rule.takes(None));
        let possible = first_for_all.map_or(call.rules.len(), |place| place + 1);
        let mut possible = call.rules.iter().take(possible);
        let denies = possible.find(|rule| rule.probe.admission(request) == Admission::Denied);
        if let Some(rule) = denies {
            self.probe = Rc::clone(&rule.probe);
        }
        denies.is_some()
    }

    /// Finds the rule that is for the call's service; for a List, and for a call
    /// whose service can't be known, the first that is for all. Says whether there is one.
    pub(super) fn choose_rule(&mut self) -> bool {
        let Some(call) = self.call.as_ref() else { return true };
        let fits = call.rules.iter().find(|rule| rule.takes(self.service()));
        if let Some(rule) = fits {
            self.probe = Rc::clone(&rule.probe);
        }
        fits.is_some()
    }

    /// The service that the call asks for, once that is known.
    pub(super) fn service(&self) -> Option<&str> {
        match &self.message {
            Message::Read(service) => service.as_deref(),
            _ => None,
        }
    }

    /// What it calls, where it is a call of gRPC.
    pub(super) fn method(&self) -> Option<GrpcMethod> {
        self.call.as_ref().map(|call| call.method)
    }

    /// Whether it is a Watch.
    pub(super) fn is_watch(&self) -> bool {
        self.method() == Some(GrpcMethod::Watch)
    }

    /// The rule that was chosen, and the services that it is for.
    pub(super) fn rule(&self) -> Option<&GrpcRule> {
        self.call.as_ref()?.rules.iter().find(|rule| Rc::ptr_eq(&rule.probe, &self.probe))
    }

    /// The call's service, where the rule names it.
    pub(super) fn named_service(&self) -> Option<&str> {
        let service = self.service()?;
        self.rule()?.names(service).then_some(service)
    }
}
