//! Calls of gRPC that Envoy doesn't bound: its timeouts count from the end of the request,
//! which a client may put off, and to the end of the answer, which a Watch doesn't have.

use super::Exchange;
use super::flight::ResponseProgress;
use super::message::Message;
use super::phase::{Phase, Progress};
use crate::base::outcome::Outcome;
use crate::base::time::{Instant, nanos};
use crate::exchange::decision::Decision;
use crate::http::headers::GRPC_STATUS;
use crate::http::request::{RequestHead, ResponseHead};
use crate::state::{Context, SharedStore};
use std::time::Duration;

/// What happens to a call that was looked at when it may be overdue.
#[derive(Debug)]
pub enum Overdue {
    /// Nothing: it isn't bounded any longer.
    Free,
    /// It is to be looked at again at this moment.
    Later(Instant),
    /// This.
    Decided(Decision),
    /// Its answer has begun, and is broken off.
    Close,
}

impl Exchange {
    /// When a call whose message is waited for may be overdue, at the earliest.
    pub fn bounded_until(&self) -> Option<Instant> {
        let rules = self.call.iter().flat_map(|call| call.rules.iter());
        let shortest = rules.filter_map(|rule| rule.probe.timeout).min();
        shortest.map(|timeout| self.arrived + nanos(timeout))
    }

    /// Whether it may come to be overdue.
    pub fn is_bounded(&self) -> bool {
        self.bound().is_some()
    }

    fn bound(&self) -> Option<Duration> {
        match &self.progress {
            _ if self.message == Message::Awaited => self.probe.timeout,
            Progress::AwaitingGrpc(answer) if self.is_watch() && answer.said().is_none() => {
                self.probe.watch_timeout
            }
            _ => None,
        }
    }

    /// Looks whether the call is overdue: a client has not sent its message, or the
    /// application nothing to a Watch.
    pub fn on_overdue(
        &mut self,
        request: &impl RequestHead,
        cx: Context<'_, impl SharedStore>,
    ) -> Overdue {
        let Some(limit) = self.bound() else { return Overdue::Free };
        let until = self.arrived + nanos(limit);
        if cx.now < until {
            return Overdue::Later(until);
        }
        if self.message == Message::Awaited {
            self.message = Message::NotNeeded;
            self.phase = Phase::Answered { untyped: false };
        }
        self.progress = Progress::Known(Outcome::Timeout);
        let silent = matches!(self.message, Message::Read(_)).then_some(true);
        self.settle_breaker(cx, silent);
        let progress = self.phase.flight().map(|flight| flight.response);
        if matches!(progress, Some(ResponseProgress::Begun | ResponseProgress::Complete)) {
            return Overdue::Close;
        }
        let reply = Decision::Reply(self.probe.reply_overdue(self.wall(cx.now)));
        Overdue::Decided(self.heed_bridge(reply, request))
    }

    /// Whether the head of a Watch's answer may be held back until its first message: where
    /// none comes in time, it is too late for a status once the head is gone.
    pub(super) fn may_hold_head(&self, response: &impl ResponseHead) -> bool {
        let read = matches!(self.message, Message::Read(_));
        let bounded = read && self.is_watch() && self.probe.watch_timeout.is_some();
        bounded
            && matches!(self.progress, Progress::AwaitingGrpc(_))
            && response.header(GRPC_STATUS).is_none()
    }

    /// Whether the head of the answer is to be held back until more of it comes.
    pub fn holds_head(&self) -> bool {
        self.phase.flight().is_some_and(|flight| flight.response == ResponseProgress::HeadHeld)
    }
}
