//! What is asked again and again: a check, or the admin interface.

use super::admin::PolledAdmin;
use super::check::PolledCheck;
use super::polling::{Effect, Polling};
use super::round::{self, Round};
use super::watch::Watch;
use crate::base::jitter::Jitter;
use crate::base::signals::Signals;
use crate::base::time::{Instant, Nanos, nanos};
use crate::callout::{CallAnswer, CallRefusal, CallToken, Caller, CheckResponse, HttpCall};
use crate::evidence::Evidence;
use crate::facts::admin::Admin;
use crate::facts::check::Check;
use crate::state::{Cell, Change, Context, SharedStore, update};
use std::rc::Rc;
use std::time::Duration;

/// What is asked again and again, and how far that has come in this VM.
#[derive(Debug)]
pub(super) struct Poll {
    pub(super) polled: Polled,
    call: HttpCall,
    pub(super) interval: Nanos,
    pub(super) timeout: Nanos,
    /// When the next round is due, as far as this VM knows.
    due: Instant,
    /// The call without an answer yet.
    pub(super) under_way: Option<UnderWay>,
}

#[derive(Debug)]
pub(super) enum Polled {
    Check(PolledCheck),
    Admin(PolledAdmin),
}

#[derive(Debug)]
pub(super) struct UnderWay {
    pub(super) token: CallToken,
    pub(super) asked: Instant,
    /// It is too late already, and counted as such.
    pub(super) late: bool,
}

/// How soon a round is repeated that Envoy refused to begin, before there was any
/// good answer: at its start Envoy doesn't know its clusters at once.
const AFTER_REFUSAL: Nanos = 250_000_000;
/// How long a call may be under way.
const FORGOTTEN: Nanos = 2 * 86_400_000_000_000;

impl Poll {
    /// All that some evidence rests on.
    pub(super) fn all(evidence: &Evidence) -> Vec<Self> {
        let checks = evidence.checks.iter().map(Self::of_check);
        checks.chain(evidence.admin.as_ref().map(Self::of_admin)).collect()
    }

    fn of_check(check: &Rc<Check>) -> Self {
        let (rule, polled) = (&check.rule, PolledCheck::new(check));
        Self::new(polled.call(), rule.interval, rule.timeout, Polled::Check(polled))
    }

    fn of_admin(admin: &Rc<Admin>) -> Self {
        let (rule, polled) = (&admin.rule, PolledAdmin::new(admin));
        Self::new(polled.call(), rule.interval, rule.timeout, Polled::Admin(polled))
    }

    fn new(call: HttpCall, interval: Duration, timeout: Duration, polled: Polled) -> Self {
        let (interval, timeout) = (nanos(interval), nanos(timeout));
        Self { polled, call, interval, timeout, due: Instant::ZERO, under_way: None }
    }

    /// The Watch that is held open beside it.
    pub(super) fn watch(&self) -> Option<&Watch> {
        match &self.polled {
            Polled::Check(polled) => polled.watch.as_ref(),
            Polled::Admin(_) => None,
        }
    }

    pub(super) fn watch_mut(&mut self) -> Option<&mut Watch> {
        match &mut self.polled {
            Polled::Check(polled) => polled.watch.as_mut(),
            Polled::Admin(_) => None,
        }
    }

    /// The name of what is asked, where it has one.
    pub(super) fn name(&self) -> &str {
        match &self.polled {
            Polled::Check(polled) => &polled.check.rule.name,
            Polled::Admin(_) => "",
        }
    }

    /// Where its rounds are shared.
    fn round(&self) -> &Cell {
        match &self.polled {
            Polled::Check(polled) => &polled.check.round,
            Polled::Admin(polled) => &polled.admin.round,
        }
    }

    /// When something is to be done: an answer is late, or, where this VM `asks`, the next
    /// round is due.
    pub(super) fn next(&self, asks: bool) -> Option<Instant> {
        match &self.under_way {
            Some(call) => (!call.late).then(|| call.asked + self.timeout),
            None => asks.then_some(self.due),
        }
    }

    /// Whether this VM is to begin a round now, and nobody else.
    pub(super) fn claim(&mut self, jitter: &mut Jitter, cx: Context<'_, impl SharedStore>) -> bool {
        if self.under_way.is_some() || self.due > cx.now {
            return false;
        }
        let sooner = jitter.below(self.interval / 10);
        let claimed = round::claim(cx, self.round(), self.interval, sooner);
        let Ok((claimed, due)) = claimed else { return false };
        self.due = due;
        claimed
    }

    /// Begins a round.
    pub(super) fn begin(
        &mut self,
        caller: &impl Caller,
        evidence: &Evidence,
        cx: Context<'_, impl SharedStore>,
    ) -> Result<(), CallRefusal> {
        if let Polled::Admin(polled) = &mut self.polled {
            self.call.path = polled.ask_about(evidence.upstreams.waiting(cx.store));
        }
        let token = caller.http_call(&self.call)?;
        self.under_way = Some(UnderWay { token, asked: cx.now, late: false });
        Ok(())
    }

    /// Nothing was asked, so the next round may come sooner.
    pub(super) fn hurry(&mut self, cx: Context<'_, impl SharedStore>) {
        let soon = cx.now + AFTER_REFUSAL.min(self.interval);
        let hurried = update::<Round, _>(cx, self.round(), |round| {
            round.hurry(soon);
            Change::Write(())
        });
        if hurried.is_ok() {
            self.due = self.due.min(soon);
        }
    }

    /// Gives its call up where that has just taken too long. The answer may still come, and
    /// tells a slow one from a dead one.
    pub(super) fn give_up(&mut self, now: Instant) -> Option<Polling> {
        // Envoy answers every call; if it should ever forget one, it is asked again all
        // the same.
        self.under_way.take_if(|call| now.since(call.asked) >= FORGOTTEN);
        let timeout = self.timeout;
        let call = self.under_way.as_mut().filter(|it| !it.late && it.asked + timeout <= now)?;
        call.late = true;
        Some(Polling::without_answer(CheckResponse::Timeout, now.since(call.asked)))
    }

    /// What an answer says.
    pub(super) fn read(&self, answer: &impl CallAnswer) -> CheckResponse {
        let service = match &self.polled {
            Polled::Check(polled) => polled.service(),
            Polled::Admin(_) => None,
        };
        CheckResponse::read(answer, service)
    }

    /// Whether the answer's body matters, too.
    pub(super) fn needs_body(&self, response: &CheckResponse) -> bool {
        matches!(self.polled, Polled::Admin(_)) && *response == CheckResponse::Answer(200)
    }

    /// Takes note of what came of it.
    pub(super) fn on_response(
        &mut self,
        polling: &Polling,
        evidence: &Evidence,
        signals: &mut Signals,
        cx: Context<'_, impl SharedStore>,
    ) -> Effect {
        match &mut self.polled {
            Polled::Check(polled) => polled.on_response(polling, evidence, signals, cx),
            Polled::Admin(polled) => polled.on_response(polling, evidence, signals, cx),
        }
    }

    /// Takes note of what its Watch has shown.
    pub(super) fn on_watched(
        &mut self,
        healthy: bool,
        output: String,
        signals: &mut Signals,
        cx: Context<'_, impl SharedStore>,
    ) -> Effect {
        // A Check that is under way was asked before this was known.
        self.under_way = None;
        match &self.polled {
            Polled::Check(polled) => polled.on_watched(healthy, output, signals, cx),
            Polled::Admin(_) => Effect::default(),
        }
    }

    /// Takes note of what came too late.
    pub(super) fn on_late_response(
        &self,
        response: &CheckResponse,
        took: Nanos,
        cx: Context<'_, impl SharedStore>,
    ) {
        if let Polled::Check(polled) = &self.polled {
            polled.on_late_response(response, took, cx);
        }
    }
}
