//! A call that is made again and again, one at a time.

use super::{CallAnswer, CallRefusal, CallToken, Caller, CheckResponse, HttpCall, Payload};
use crate::base::jitter::Jitter;
use crate::base::time::{Instant, Nanos, nanos};
use crate::state::{Cell, Context, Round, SharedStore};
use std::time::Duration;

/// How soon a round is repeated that Envoy refused to begin: at its start Envoy doesn't
/// know its clusters at once.
const AFTER_REFUSAL: Nanos = 250_000_000;
/// How long a call may be under way.
const FORGOTTEN: Nanos = 2 * 86_400_000_000_000;

/// A call that is made in rounds, and how far that has come in this VM.
#[derive(Debug)]
pub struct PeriodicCall {
    call: HttpCall,
    interval: Nanos,
    timeout: Nanos,
    /// The next round, as far as this VM knows.
    round: Round,
    /// The call without an answer yet.
    under_way: Option<UnderWay>,
}

#[derive(Debug)]
struct UnderWay {
    token: CallToken,
    asked: Instant,
    /// It is too late already, and was given up.
    late: bool,
}

/// An answer to a call, or Envoy's own in its place.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Answered {
    /// What it says.
    pub response: CheckResponse,
    /// How long it took.
    pub took: Nanos,
    /// Whether it came in time.
    pub lateness: Lateness,
}

/// Whether an answer came in time.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Lateness {
    /// It did.
    InTime,
    /// It didn't, and this VM was too busy to notice before.
    Unnoticed,
    /// The call was [given up](PeriodicCall::give_up) before.
    GivenUp,
}

/// How long a call is left under way that is given up after `timeout`: beyond that where
/// the next round leaves room for it. What comes late tells a slow one from a dead one.
pub fn wait_limit(timeout: Duration, interval: Duration) -> Duration {
    timeout.max((timeout * 2).min(interval * 17 / 20))
}

impl PeriodicCall {
    /// A call that is made every `interval`, and given up after `timeout`. The first round
    /// is due at once.
    pub fn new(call: HttpCall, interval: Duration, timeout: Duration) -> Self {
        let (interval, timeout) = (nanos(interval), nanos(timeout));
        Self { call, interval, timeout, round: Round::default(), under_way: None }
    }

    /// How long it is from round to round, in nanoseconds.
    pub fn interval(&self) -> Nanos {
        self.interval
    }

    /// The Envoy cluster that it goes to.
    pub fn cluster(&self) -> &str {
        &self.call.cluster
    }

    /// Has it made for another path.
    pub fn set_path(&mut self, path: String) {
        self.call.path = path;
    }

    /// Has it bring another document.
    pub fn set_document(&mut self, document: Vec<u8>) {
        self.call.payload = Payload::Json(document);
    }

    /// Whether there is a call without an answer yet.
    pub fn is_under_way(&self) -> bool {
        self.under_way.is_some()
    }

    /// When something is to be done: an answer is late, or, where this VM `asks`, the next
    /// round is due.
    pub fn next(&self, asks: bool) -> Option<Instant> {
        match &self.under_way {
            Some(call) => (!call.late).then(|| call.asked + self.timeout),
            None => asks.then(|| self.round.due()),
        }
    }

    fn is_due(&self, now: Instant) -> bool {
        self.under_way.is_none() && self.round.due() <= now
    }

    /// Whether a round is to begin now, where only this VM begins any.
    pub fn claim(&mut self, jitter: &mut Jitter, now: Instant) -> bool {
        self.is_due(now) && self.round.claim(self.interval, jitter.below(self.interval / 10), now)
    }

    /// Whether this VM is to begin a round now, and nobody else of those that share `round`.
    pub fn claim_of_all(
        &mut self,
        round: &Cell,
        jitter: &mut Jitter,
        cx: Context<'_, impl SharedStore>,
    ) -> bool {
        if !self.is_due(cx.now) {
            return false;
        }
        let sooner = jitter.below(self.interval / 10);
        let claimed = Round::claim_of_all(round, self.interval, sooner, cx);
        let Ok((claimed, due)) = claimed else { return false };
        self.round = Round::due_at(due);
        claimed
    }

    /// Begins a round.
    ///
    /// # Errors
    /// Envoy doesn't take the call, and no answer comes.
    pub fn begin(&mut self, caller: &impl Caller, now: Instant) -> Result<(), CallRefusal> {
        let token = caller.http_call(&self.call)?;
        self.under_way = Some(UnderWay { token, asked: now, late: false });
        Ok(())
    }

    /// Has the next round begin then, if not sooner.
    pub fn begin_by(&mut self, due: Instant) {
        self.round.hurry(due);
    }

    /// Has the next round begin then, and not sooner.
    pub fn begin_at(&mut self, due: Instant) {
        self.round = Round::due_at(due);
    }

    /// Nothing was asked, so the next round may come sooner.
    pub fn hurry(&mut self, now: Instant) {
        self.round.hurry(now + AFTER_REFUSAL.min(self.interval));
    }

    /// The same for all that share `round`.
    pub fn hurry_all(&mut self, round: &Cell, cx: Context<'_, impl SharedStore>) {
        let soon = cx.now + AFTER_REFUSAL.min(self.interval);
        if Round::hurry_all(round, soon, cx).is_ok() {
            self.round.hurry(soon);
        }
    }

    /// Gives its call up where that has just taken too long, and says how long that was.
    /// The answer may still come.
    pub fn give_up(&mut self, now: Instant) -> Option<Nanos> {
        // Envoy answers every call; if it should ever forget one, it is asked again all
        // the same.
        self.under_way.take_if(|call| now.since(call.asked) >= FORGOTTEN);
        let timeout = self.timeout;
        let call = self.under_way.as_mut().filter(|it| !it.late && it.asked + timeout <= now)?;
        call.late = true;
        Some(now.since(call.asked))
    }

    /// Takes the answer to a call; `None` where that isn't its own. `service` is the gRPC
    /// service of a Check; see [`CheckResponse::read`].
    pub fn on_answer(
        &mut self,
        token: CallToken,
        answer: &impl CallAnswer,
        service: Option<&str>,
        now: Instant,
    ) -> Option<Answered> {
        let call = self.under_way.take_if(|call| call.token == token)?;
        let (response, took) = (CheckResponse::read(answer, service), now.since(call.asked));
        let says_something =
            matches!(response, CheckResponse::Answer(_) | CheckResponse::Health(_));
        let lateness = match () {
            () if call.late => Lateness::GivenUp,
            () if took > self.timeout && says_something => Lateness::Unnoticed,
            () => Lateness::InTime,
        };
        Some(Answered { response, took, lateness })
    }

    /// What comes of the call under way counts no more.
    pub fn abandon(&mut self) {
        self.under_way = None;
    }
}

#[cfg(test)]
mod tests;
