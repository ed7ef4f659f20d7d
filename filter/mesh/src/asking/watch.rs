//! An instance that says of its own accord how it is, on a Watch.
//!
//! A stream that ends is no death: servers close theirs after a while (gRPC's
//! `MAX_CONNECTION_AGE`) and when they restart. It is opened again at once, and only where
//! that fails the instance is dead: nobody is there, or no message comes in time.

use super::notes::{Notes, Subject};
use super::poll::{Finding, Rounds};
use super::{GrpcAsk, Word};
use crate::fusion::Claim;
use heartbeat_common::base::time::{Instant, Nanos, nanos};
use heartbeat_common::callout::{
    CallAnswer, CallToken, Caller, Closed, StreamToken, Watch, WatchCall,
};
use heartbeat_common::grpc::ServingStatus;

#[derive(Debug)]
pub struct WatchedInstance {
    subject: Subject,
    watch: Watch,
    /// The Checks beside it.
    rounds: Rounds,
    timeout: Nanos,
    fall: u32,
    /// What it has said last.
    said: Option<Claim>,
    /// How many Checks in a row say otherwise.
    against: u32,
    /// By when a message must come.
    message_by: Option<Instant>,
    /// The service has no Watch, or none that can be opened: Checks say how it is.
    checks_decide: bool,
    is_lost: bool,
}

impl WatchedInstance {
    pub fn new(subject: Subject, ask: &GrpcAsk) -> Self {
        let call = WatchCall::new(&ask.cluster, &ask.authority, &ask.service);
        Self {
            subject,
            watch: Watch::new(call, nanos(ask.interval)),
            rounds: Rounds::over_grpc(ask),
            timeout: nanos(ask.timeout),
            fall: ask.fall,
            said: None,
            against: 0,
            message_by: None,
            checks_decide: false,
            is_lost: false,
        }
    }

    pub fn next(&self) -> Option<Instant> {
        self.rounds.next().into_iter().chain(self.watch.due()).chain(self.message_by).min()
    }

    pub fn is_on(&self, stream: StreamToken) -> bool {
        self.watch.is_on(stream)
    }

    pub fn cancel(&mut self, caller: &impl Caller) {
        self.watch.give_up(caller);
    }

    pub fn on_time(&mut self, notes: &mut Notes, now: Instant) {
        let finding = self.rounds.give_up(now);
        self.on_finding(finding, notes, now);
        if self.message_by.is_some_and(|by| by <= now) {
            self.message_by = None;
            self.watch.distrust();
            self.on_failed_opening(notes, now);
        }
    }

    pub fn call(&mut self, caller: &impl Caller, notes: &mut Notes, now: Instant) -> bool {
        if self.rounds.claim(&mut notes.jitter, now) {
            let finding = self.rounds.begin(caller, &self.subject, notes, now);
            self.on_finding(finding, notes, now);
            return true;
        }
        if !self.watch.open(caller, &mut notes.jitter, now) {
            return false;
        }
        if self.watch.unanswered_since().is_some() {
            self.message_by = Some(now + self.timeout);
        } else {
            // Envoy doesn't say why it opens none; a Check finds out.
            self.rounds.hurry(now);
        }
        true
    }

    pub fn on_answer(
        &mut self,
        token: CallToken,
        answer: &impl CallAnswer,
        notes: &mut Notes,
        now: Instant,
    ) -> bool {
        let Some(finding) = self.rounds.on_answer(token, answer, now) else { return false };
        self.on_finding(finding, notes, now);
        true
    }

    pub fn on_message(&mut self, message: &[u8], notes: &mut Notes, now: Instant) {
        let status = self.watch.on_message(message);
        (self.message_by, self.checks_decide, self.against) = (None, false, 0);
        let serves = status == Some(ServingStatus::Serving);
        self.say(if serves { Claim::Alive } else { Claim::Dead }, None, notes, now);
    }

    pub fn on_close(&mut self, status: u32, message: &[u8], notes: &mut Notes, now: Instant) {
        self.message_by = None;
        match self.watch.on_close(status, message, &mut notes.jitter, now) {
            Closed::Missing { is_known } => {
                self.checks_decide = true;
                if !is_known {
                    let what = "there is no Watch; a Check every interval must do";
                    self.subject.warn(what, notes);
                }
            }
            Closed::Ended(end) if end.has_spoken => {
                if end.lasted {
                    self.watch.open_by(now);
                }
            }
            Closed::Ended(_) => self.on_failed_opening(notes, now),
        }
    }

    /// It could not be opened, or nothing came.
    fn on_failed_opening(&mut self, notes: &mut Notes, now: Instant) {
        let says_nothing = self.checks_decide
            || self.rounds.is_cluster_missing
            || (self.said.is_none() && self.rounds.is_resolving(now));
        if !says_nothing && self.said != Some(Claim::Dead) {
            self.say(Claim::Dead, None, notes, now);
        }
    }

    /// A Check has come to something.
    fn on_finding(&mut self, finding: Option<Finding>, notes: &mut Notes, now: Instant) {
        let (claim, took) = match finding {
            None => return,
            Some(Finding::NotAsked) => {
                if self.rounds.is_cluster_missing {
                    self.lose(notes);
                }
                return;
            }
            Some(Finding::Refused) if self.watch.due().is_some() => {
                return self.on_failed_opening(notes, now);
            }
            Some(Finding::Failure | Finding::Refused) => (Claim::Dead, None),
            Some(Finding::Answer(claim, took)) => {
                notes.words.push(Word::RoundTrip(self.subject.source, took));
                (claim, Some(took))
            }
        };
        if self.checks_decide {
            self.decide(claim, took, notes, now);
        } else {
            self.compare(claim, took, notes, now);
        }
    }

    /// What Checks say where there is no Watch.
    fn decide(&mut self, claim: Claim, took: Option<Nanos>, notes: &mut Notes, now: Instant) {
        self.against = if claim == Claim::Dead { self.against.saturating_add(1) } else { 0 };
        let is_early = self.against < self.fall && self.said != Some(Claim::Dead);
        let claim = if claim == Claim::Dead && is_early { Claim::Suspect } else { claim };
        self.say(claim, took, notes, now);
    }

    /// What Checks say beside a Watch counts where it is said several times in a row: of a
    /// process that hangs, the stream is quiet.
    fn compare(&mut self, claim: Claim, took: Option<Nanos>, notes: &mut Notes, now: Instant) {
        let is_dead = claim == Claim::Dead;
        if self.said.is_some_and(|said| (said == Claim::Dead) == is_dead) {
            self.against = 0;
            return;
        }
        self.against = self.against.saturating_add(1);
        let is_first = self.said.is_none() && !is_dead;
        if self.against < self.fall && !is_first {
            return;
        }
        self.against = 0;
        if is_dead && took.is_none() {
            self.watch.distrust();
        }
        // It answers, and yet opens no stream.
        self.checks_decide = !is_dead && !is_first && self.watch.due().is_some();
        self.say(claim, took, notes, now);
    }

    fn say(&mut self, claim: Claim, took: Option<Nanos>, notes: &mut Notes, now: Instant) {
        if std::mem::take(&mut self.is_lost) {
            notes.words.push(Word::Heard(self.subject.source));
        }
        self.said = Some(claim);
        self.subject.say(claim, took, notes, now);
    }

    fn lose(&mut self, notes: &mut Notes) {
        self.message_by = None;
        if self.said.take().is_some() && !std::mem::replace(&mut self.is_lost, true) {
            notes.words.push(Word::Lost(self.subject.source));
        }
    }
}
