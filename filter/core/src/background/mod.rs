//! Asks, on the proxy's own account, what probes are answered from.
//!
//! Every worker has a VM, and so has the main thread; each of them ticks. One
//! holds a lease and asks; the others look whether the lease has run out. Each
//! round of each poll is claimed by compare-and-swap on top, so that two
//! that believe to hold the lease don't both ask.

mod admin;
mod check;
mod poll;
mod polling;
mod publish;
mod score;
mod verdicts;
mod watches;

use crate::base::jitter::Jitter;
use crate::base::signals::Signals;
use crate::base::time::{Instant, Nanos, nanos};
use crate::callout::{Answered, CallAnswer, CallToken, Caller, CheckResponse, Lateness, Watch};
use crate::evidence::Evidence;
use crate::policy::Policy;
use crate::policy::loads::ConfigLoads;
use crate::publish::Publisher;
use crate::state::{Context, LeaseKeeper, Notice, SharedStore};
use poll::Poll;
use polling::{Effect, Polling};
use std::rc::Rc;
use std::time::Duration;

/// The background work of one VM.
#[derive(Debug)]
pub struct Background {
    evidence: Rc<Evidence>,
    polls: Vec<Poll>,
    publishers: Vec<Publisher>,
    /// Whoever has it asks.
    lease: LeaseKeeper,
    share_at: Instant,
    score_at: Instant,
    /// When the verdicts of the rules are looked at again.
    judge_at: Instant,
    /// When it is looked again what there is to be published.
    look_at: Instant,
    loads: Rc<ConfigLoads>,
    /// The poll that is sent first where several are due.
    turn: usize,
    jitter: Jitter,
    signals: Signals,
}

const SHORTEST_LEASE: Nanos = 50_000_000;
const LONGEST_LEASE: Nanos = 5_000_000_000;
const LONGEST_WATCHED_LEASE: Nanos = 500_000_000;

impl Background {
    /// The background work for a policy. `token` must differ from that of every other VM of
    /// the process.
    pub fn new(policy: &Policy, token: u64) -> Self {
        let (evidence, loads) = (Rc::clone(policy.evidence()), Rc::clone(policy.loads()));
        let (polls, publishers) = (Poll::all(&evidence), policy.take_publishers());
        // Another VM must notice within two rounds that this one is gone.
        let intervals = polls.iter().map(|poll| poll.call.interval());
        // Two beats are no silence yet, and a lease of two is renewed along with each.
        let beats = publishers.iter().map(|publisher| 4 * publisher.interval());
        let shortest = intervals.chain(beats).min();
        // While a Watch changes hands nobody hears it.
        let watches = polls.iter().any(|poll| poll.watch().is_some());
        let longest = if watches { LONGEST_WATCHED_LEASE } else { LONGEST_LEASE };
        let lease_for = shortest.map_or(0, |it| (it / 2).clamp(SHORTEST_LEASE, longest));
        Self {
            polls,
            publishers,
            lease: LeaseKeeper::new(token, lease_for),
            share_at: Instant::ZERO,
            score_at: Instant::ZERO,
            judge_at: Instant::ZERO,
            look_at: Instant::ZERO,
            loads,
            turn: 0,
            jitter: Jitter::new(token),
            signals: Signals::default(),
            evidence,
        }
    }

    /// Tells the VM from all others.
    pub(crate) fn token(&self) -> u64 {
        self.lease.token()
    }

    /// Its part in what is published.
    pub(crate) fn publishers(&self) -> &[Publisher] {
        &self.publishers
    }

    /// Does what is due.
    pub fn on_tick(&mut self, caller: &impl Caller, cx: Context<'_, impl SharedStore>) {
        if let Some(period) = self.evidence.share_every().map(nanos)
            && self.share_at <= cx.now
        {
            self.evidence.share(cx);
            self.share_at = cx.now + period;
        }
        self.keep_score(cx);
        if !self.takes_turns() {
            self.judge(cx);
            return;
        }
        self.give_up_late_calls(cx);
        let was_held = self.lease.is_held();
        self.lease.look(&self.evidence.gatherer, &mut self.jitter, cx);
        let takes_over = self.lease.is_held() && !was_held;
        if let Some(holder) = self.evidence.holder.as_ref().filter(|_| takes_over) {
            Notice::of_change(holder, self.lease.token(), cx);
        }
        self.judge(cx);
        self.look(cx);
        // One call in each callback: Envoy keeps what comes of it at once until the end
        // of the callback, and never gets over that where another call then leads back
        // into the module, as a filter of the cluster that is called.
        if !self.ask_one(caller, cx) && !self.publish_one(caller, cx) {
            self.tend_watches(caller, cx.now);
        }
    }

    /// Whether one VM does something for all, and so holds the lease.
    fn takes_turns(&self) -> bool {
        !self.polls.is_empty() || !self.publishers.is_empty()
    }

    /// How long nothing is due; zero where something is left to be done; `None` for ever.
    pub fn next_tick(&self, now: Instant) -> Option<Duration> {
        let mut next = Instant::NEVER;
        let mut also = |at: Option<Instant>| next = next.min(at.unwrap_or(Instant::NEVER));
        let is_held = self.lease.is_held();
        also(self.evidence.counts_traffic().then_some(self.share_at));
        also(self.evidence.score.as_ref().map(|_| self.score_at));
        also(self.takes_turns().then_some(self.lease.look_at()));
        also(self.next_judging());
        also((is_held && self.publishes()).then_some(self.look_at));
        for poll in &self.polls {
            also(poll.call.next(is_held));
            also(poll.watch().filter(|_| is_held).and_then(Watch::due));
        }
        for publisher in &self.publishers {
            also(publisher.next());
        }
        (next < Instant::NEVER).then(|| Duration::from_nanos(next.since(now)))
    }

    /// What is to be shown to people, since the last call.
    pub fn take_signals(&mut self) -> Signals {
        std::mem::take(&mut self.signals)
    }

    /// Sends the first poll that is due, by turns; `false` where none is.
    fn ask_one(&mut self, caller: &impl Caller, cx: Context<'_, impl SharedStore>) -> bool {
        let count = self.polls.len();
        let mut places =
            (self.turn..count).chain(0..self.turn.min(count)).take_while(|_| self.lease.is_held());
        let jitter = &mut self.jitter;
        let due = places
            .find(|place| self.polls.get_mut(*place).is_some_and(|poll| poll.claim(jitter, cx)));
        let Some((place, poll)) = due.and_then(|it| Some((it, self.polls.get_mut(it)?))) else {
            return false;
        };
        self.turn = place + 1;
        if let Err(refusal) = poll.begin(caller, &self.evidence, cx) {
            let polling = Polling::without_answer(CheckResponse::Refused(refusal), 0);
            let effect = poll.on_response(&polling, &self.evidence, &mut self.signals, cx);
            if !effect.was_answered {
                poll.hurry(cx);
            }
            self.note(effect, cx.now);
        }
        true
    }

    /// Counts calls as failed that have taken too long.
    fn give_up_late_calls(&mut self, cx: Context<'_, impl SharedStore>) {
        let mut effects = Effect::default();
        for poll in &mut self.polls {
            if let Some(polling) = poll.give_up(cx.now) {
                let effect = poll.on_response(&polling, &self.evidence, &mut self.signals, cx);
                effects.changes_verdicts |= effect.changes_verdicts;
            }
        }
        self.note(effects, cx.now);
        for publisher in &mut self.publishers {
            publisher.give_up(&mut self.signals, cx);
        }
    }

    /// The answer to a call is there, or Envoy's own in its place.
    pub fn on_answer(
        &mut self,
        token: CallToken,
        answer: &impl CallAnswer,
        cx: Context<'_, impl SharedStore>,
    ) {
        let mut polls = self.polls.iter_mut();
        let answered = polls.find_map(|poll| Some((poll.on_answer(token, answer, cx.now)?, poll)));
        let Some((Answered { response, took, lateness }, poll)) = answered else {
            self.on_published(token, answer, cx);
            return;
        };
        let effect = match lateness {
            Lateness::InTime => {
                let body = if poll.needs_body(&response) { answer.body() } else { Vec::new() };
                let polling = Polling { response, body, took };
                poll.on_response(&polling, &self.evidence, &mut self.signals, cx)
            }
            Lateness::Unnoticed => {
                let timeout = Polling::without_answer(CheckResponse::Timeout, took);
                let effect = poll.on_response(&timeout, &self.evidence, &mut self.signals, cx);
                poll.on_late_response(&response, took, cx);
                effect
            }
            Lateness::GivenUp => {
                poll.on_late_response(&response, took, cx);
                Effect::default()
            }
        };
        self.note(effect, cx.now);
        self.judge(cx);
    }

    /// Has the verdicts looked at again where they may have changed.
    fn note(&mut self, effect: Effect, now: Instant) {
        if effect.changes_verdicts {
            self.judge_at = now;
            self.look_at = now;
        }
    }
}

#[cfg(test)]
mod tests;
