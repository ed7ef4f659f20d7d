//! What is asked again and again: a check, or the admin interface.

use super::admin::PolledAdmin;
use super::check::PolledCheck;
use super::polling::{Effect, Polling};
use crate::base::jitter::Jitter;
use crate::base::signals::Signals;
use crate::base::time::{Instant, Nanos};
use crate::callout::{
    Answered, CallAnswer, CallRefusal, CallToken, Caller, CheckResponse, PeriodicCall, Watch,
};
use crate::evidence::Evidence;
use crate::facts::admin::Admin;
use crate::facts::check::Check;
use crate::state::{Cell, Context, SharedStore};
use std::rc::Rc;

/// What is asked again and again, and how far that has come in this VM.
#[derive(Debug)]
pub(super) struct Poll {
    pub(super) polled: Polled,
    pub(super) call: PeriodicCall,
}

#[derive(Debug)]
pub(super) enum Polled {
    Check(PolledCheck),
    Admin(PolledAdmin),
}

impl Polled {
    /// Where its rounds are shared.
    fn round(&self) -> &Cell {
        match self {
            Self::Check(polled) => &polled.check.round,
            Self::Admin(polled) => &polled.admin.round,
        }
    }
}

impl Poll {
    /// All that some evidence rests on.
    pub(super) fn all(evidence: &Evidence) -> Vec<Self> {
        let checks = evidence.checks.iter().map(Self::of_check);
        checks.chain(evidence.admin.as_ref().map(Self::of_admin)).collect()
    }

    fn of_check(check: &Rc<Check>) -> Self {
        let (rule, polled) = (&check.rule, PolledCheck::new(check));
        let call = PeriodicCall::new(polled.call(), rule.interval, rule.timeout);
        Self { polled: Polled::Check(polled), call }
    }

    fn of_admin(admin: &Rc<Admin>) -> Self {
        let (rule, polled) = (&admin.rule, PolledAdmin::new(admin));
        let call = PeriodicCall::new(polled.call(), rule.interval, rule.timeout);
        Self { polled: Polled::Admin(polled), call }
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

    /// Whether this VM is to begin a round now, and nobody else.
    pub(super) fn claim(&mut self, jitter: &mut Jitter, cx: Context<'_, impl SharedStore>) -> bool {
        let Self { polled, call } = self;
        call.claim_of_all(polled.round(), jitter, cx)
    }

    /// Begins a round.
    pub(super) fn begin(
        &mut self,
        caller: &impl Caller,
        evidence: &Evidence,
        cx: Context<'_, impl SharedStore>,
    ) -> Result<(), CallRefusal> {
        if let Polled::Admin(polled) = &mut self.polled {
            self.call.set_path(polled.ask_about(evidence.upstreams.waiting(cx.store)));
        }
        self.call.begin(caller, cx.now)
    }

    /// Nothing was asked, so the next round may come sooner.
    pub(super) fn hurry(&mut self, cx: Context<'_, impl SharedStore>) {
        let Self { polled, call } = self;
        call.hurry_all(polled.round(), cx);
    }

    /// Gives its call up where that has just taken too long. The answer may still come, and
    /// tells a slow one from a dead one.
    pub(super) fn give_up(&mut self, now: Instant) -> Option<Polling> {
        let took = self.call.give_up(now)?;
        Some(Polling::without_answer(CheckResponse::Timeout, took))
    }

    /// The answer to its call; `None` where it is that to another.
    pub(super) fn on_answer(
        &mut self,
        token: CallToken,
        answer: &impl CallAnswer,
        now: Instant,
    ) -> Option<Answered> {
        let service = match &self.polled {
            Polled::Check(polled) => polled.service(),
            Polled::Admin(_) => None,
        };
        self.call.on_answer(token, answer, service, now)
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
        self.call.abandon();
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
