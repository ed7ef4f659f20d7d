//! Asks, on the proxy's own account, what probes are answered from.
//!
//! Every worker has a VM, and so has the main thread; each of them ticks. One
//! holds a lease and asks; the others look whether the lease has run out. Each
//! round of each poll is claimed by compare-and-swap on top, so that two
//! that believe to hold the lease don't both ask.

mod answers;
mod round;
mod score;
mod verdicts;
mod watch;

use crate::base::signals::Signals;
use crate::base::time::{Instant, Nanos, nanos};
use crate::callout::{CallToken, Caller, CheckResponse, HttpCall};
use crate::config::default_host;
use crate::evidence::Evidence;
use crate::facts::admin;
use crate::facts::check::{CheckCall, CheckRule};
use crate::grpc::{CHECK_PATH, framed, request};
use crate::policy::loads::ConfigLoads;
use crate::state::{Cell, Change, Context, Lease, SharedStore, update};
use round::{Jitter, Round};
use std::rc::Rc;
use std::time::Duration;
use watch::Watch;

/// The background work of one VM.
#[derive(Debug)]
pub struct Background {
    evidence: Rc<Evidence>,
    /// Tells this VM's from all others of the process.
    token: u64,
    polls: Vec<Poll>,
    under_way: Vec<UnderWay>,
    /// The clusters that the call to the admin interface asks about which is under way.
    unknown: Vec<String>,
    watches: Vec<Watch>,
    /// How long the lease lasts; 0 where there is nothing to ask.
    lease: Nanos,
    /// When the lease is looked at again.
    look_at: Instant,
    holds_lease: bool,
    share_at: Instant,
    score_at: Instant,
    /// When the verdicts of the rules are looked at again.
    judge_at: Instant,
    loads: Rc<ConfigLoads>,
    /// The poll that is sent first where several are due.
    turn: usize,
    jitter: Jitter,
    signals: Signals,
}

/// What is asked again and again.
#[derive(Debug)]
struct Poll {
    subject: Subject,
    call: HttpCall,
    interval: Nanos,
    timeout: Nanos,
    /// When the next round is due, as far as this VM knows.
    due: Instant,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Subject {
    /// A check, by its place in the evidence.
    Check(usize),
    Admin,
}

/// A call without an answer yet.
#[derive(Debug)]
struct UnderWay {
    token: CallToken,
    poll: usize,
    asked: Instant,
    /// It is too late already, and counted as such.
    late: bool,
}

/// How soon a round is repeated that Envoy refused to begin, before there was any
/// good answer: at its start Envoy doesn't know its clusters at once.
const AFTER_REFUSAL: Nanos = 250_000_000;
/// How long a call may be under way.
const FORGOTTEN: Nanos = 2 * 86_400_000_000_000;
const SHORTEST_LEASE: Nanos = 50_000_000;
const LONGEST_LEASE: Nanos = 5_000_000_000;
const LONGEST_WATCHED_LEASE: Nanos = 500_000_000;

impl Background {
    /// The background work for some evidence. `token` must differ from that of
    /// every other VM of the process.
    pub fn new(evidence: Rc<Evidence>, loads: Rc<ConfigLoads>, token: u64) -> Self {
        let checks = evidence.checks.iter().enumerate().map(|(place, check)| {
            let rule = &check.rule;
            Poll::new(Subject::Check(place), call_of(rule), rule.interval, rule.timeout)
        });
        let admin = evidence.admin.iter().map(|admin| {
            let call = HttpCall {
                cluster: admin.rule.cluster.clone(),
                host: default_host(&admin.rule.cluster),
                path: admin.path.clone(),
                grpc: None,
                timeout: admin.rule.timeout,
            };
            Poll::new(Subject::Admin, call, admin.rule.interval, admin.rule.timeout)
        });
        let polls: Vec<Poll> = checks.chain(admin).collect();
        // Another VM must notice within two rounds that this one is gone.
        let shortest = polls.iter().map(|poll| poll.interval).min();
        let watches: Vec<Watch> = Watch::all(&evidence).collect();
        // While a Watch changes hands nobody hears it.
        let longest = if watches.is_empty() { LONGEST_LEASE } else { LONGEST_WATCHED_LEASE };
        let lease = shortest.map_or(0, |it| (it / 2).clamp(SHORTEST_LEASE, longest));
        Self {
            polls,
            under_way: Vec::new(),
            unknown: Vec::new(),
            watches,
            lease,
            look_at: Instant::ZERO,
            holds_lease: false,
            share_at: Instant::ZERO,
            score_at: Instant::ZERO,
            judge_at: Instant::ZERO,
            loads,
            turn: 0,
            jitter: Jitter::new(token),
            signals: Signals::default(),
            evidence,
            token,
        }
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
        if self.polls.is_empty() {
            self.judge(cx);
            return;
        }
        self.give_up_late_calls(cx);
        if self.look_at <= cx.now {
            self.look_at_lease(cx);
        }
        self.judge(cx);
        // One call in each callback: Envoy keeps what comes of it at once until the end
        // of the callback, and never gets over that where another call then leads back
        // into the module, as a filter of the cluster that is called.
        if !self.ask_one(caller, cx) {
            self.tend_watches(caller, cx.now);
        }
    }

    /// How long nothing is due; zero where something is left to be done; `None` for ever.
    pub fn next_tick(&self, now: Instant) -> Option<Duration> {
        let sharing = self.evidence.counts_traffic().then_some(self.share_at);
        let score = self.evidence.score.as_ref().map(|_| self.score_at);
        let lease = (!self.polls.is_empty()).then_some(self.look_at);
        let rounds = self
            .polls
            .iter()
            .enumerate()
            .filter(|(place, _)| self.holds_lease && !self.awaits_answer(*place))
            .map(|(_, poll)| poll.due);
        let calls = self
            .under_way
            .iter()
            .filter(|call| !call.late)
            .filter_map(|call| Some(call.asked + self.polls.get(call.poll)?.timeout));
        let watches = self.watches.iter().filter(|_| self.holds_lease).filter_map(Watch::due);
        let next = sharing.into_iter().chain(score).chain(lease).chain(self.next_judging());
        let next = next.chain(rounds).chain(calls).chain(watches).min()?;
        Some(Duration::from_nanos(next.since(now)))
    }

    /// What is to be shown to people, since the last call.
    pub fn take_signals(&mut self) -> Signals {
        std::mem::take(&mut self.signals)
    }

    fn look_at_lease(&mut self, cx: Context<'_, impl SharedStore>) {
        let (token, length) = (self.token, self.lease);
        let held = update::<Lease, _>(cx, &self.evidence.gatherer, |lease| {
            let free = lease.belongs_to(token) || !lease.is_held(cx.now);
            if free {
                lease.grant(token, cx.now, length);
            }
            Change::write_if(free, (free, lease.until()))
        });
        let (holds, until) = held.unwrap_or((false, cx.now + length));
        self.holds_lease = holds;
        // Its holder renews it at half time; the others come a little after its end,
        // each at a moment of its own.
        self.look_at =
            if holds { cx.now + length / 2 } else { until + self.jitter.below(length / 10) };
    }

    /// Whether a call is under way for a poll.
    fn awaits_answer(&self, poll: usize) -> bool {
        self.under_way.iter().any(|call| call.poll == poll)
    }

    /// Sends the first poll that is due, by turns; `false` where none is.
    fn ask_one(&mut self, caller: &impl Caller, cx: Context<'_, impl SharedStore>) -> bool {
        let count = self.polls.len();
        let mut places = (self.turn..count).chain(0..self.turn.min(count));
        let asked = self.holds_lease.then(|| places.find(|it| self.ask(*it, caller, cx)));
        let Some(Some(place)) = asked else { return false };
        self.turn = place + 1;
        true
    }

    /// Sends a poll where it is due.
    fn ask(
        &mut self,
        place: usize,
        caller: &impl Caller,
        cx: Context<'_, impl SharedStore>,
    ) -> bool {
        let waiting = self.awaits_answer(place);
        let Some(poll) = self.polls.get_mut(place) else { return false };
        if waiting || poll.due > cx.now {
            return false;
        }
        let Some(round) = poll.subject.round(&self.evidence) else { return false };
        let jitter = self.jitter.below(poll.interval / 10);
        let claimed = round::claim(cx, round, poll.interval, jitter);
        let Ok((claimed, due)) = claimed else { return false };
        poll.due = due;
        if !claimed {
            return false;
        }
        if poll.subject == Subject::Admin
            && let Some(admin) = &self.evidence.admin
        {
            self.unknown = self.evidence.upstreams.waiting(cx.store);
            poll.call.path = admin::with_unknown(&admin.path, &self.unknown);
        }
        match caller.http_call(&poll.call) {
            Ok(token) => {
                self.under_way.push(UnderWay { token, poll: place, asked: cx.now, late: false });
            }
            Err(refusal) => {
                let response = CheckResponse::Refused(refusal);
                if !self.on_response(place, &response, Vec::new, 0, cx) {
                    self.hurry(place, cx);
                }
            }
        }
        true
    }

    /// Nothing was asked, so the next round may come sooner.
    fn hurry(&mut self, place: usize, cx: Context<'_, impl SharedStore>) {
        let Some(poll) = self.polls.get_mut(place) else { return };
        let Some(round) = poll.subject.round(&self.evidence) else { return };
        let soon = cx.now + AFTER_REFUSAL.min(poll.interval);
        let hurried = update::<Round, _>(cx, round, |round| {
            round.hurry(soon);
            Change::Write(())
        });
        if hurried.is_ok() {
            poll.due = poll.due.min(soon);
        }
    }

    /// Counts calls as failed that have taken too long. Their answers may still
    /// come, and tell a slow one from a dead one.
    fn give_up_late_calls(&mut self, cx: Context<'_, impl SharedStore>) {
        // Envoy answers every call; if it should ever forget one, the poll is
        // asked again all the same.
        self.under_way.retain(|call| cx.now.since(call.asked) < FORGOTTEN);
        for place in 0..self.polls.len() {
            let Some(timeout) = self.polls.get(place).map(|poll| poll.timeout) else {
                continue;
            };
            let late = self
                .under_way
                .iter_mut()
                .find(|call| call.poll == place && !call.late && call.asked + timeout <= cx.now);
            if let Some(call) = late {
                call.late = true;
                let took = cx.now.since(call.asked);
                self.on_response(place, &CheckResponse::Timeout, Vec::new, took, cx);
            }
        }
    }
}

impl Poll {
    fn new(subject: Subject, call: HttpCall, interval: Duration, timeout: Duration) -> Self {
        Self {
            subject,
            call,
            interval: nanos(interval),
            timeout: nanos(timeout),
            due: Instant::ZERO,
        }
    }
}

impl Subject {
    /// Where its rounds are shared.
    fn round(self, evidence: &Evidence) -> Option<&Cell> {
        match self {
            Self::Check(place) => evidence.checks.get(place).map(|check| &check.round),
            Self::Admin => evidence.admin.as_ref().map(|admin| &admin.round),
        }
    }
}

/// The call that a check makes.
fn call_of(rule: &CheckRule) -> HttpCall {
    let timeout = wait_limit(rule.interval, rule.timeout);
    match &rule.call {
        CheckCall::Http(http) => HttpCall {
            cluster: http.cluster.clone(),
            host: http.host.clone(),
            path: http.path.clone(),
            grpc: None,
            timeout,
        },
        CheckCall::Grpc(check) => HttpCall {
            cluster: check.cluster.clone(),
            host: check.authority.clone(),
            path: CHECK_PATH.to_owned(),
            grpc: Some(framed(&request(&check.service))),
            timeout,
        },
    }
}

/// How long a call is left under way: beyond its timeout where the next round
/// leaves room for it.
fn wait_limit(interval: Duration, timeout: Duration) -> Duration {
    timeout.max((timeout * 2).min(interval * 17 / 20))
}

#[cfg(test)]
mod tests;
