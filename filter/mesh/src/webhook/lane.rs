//! One target: what it is yet to be told, and the delivery under way.

use super::body::body;
use super::outcome::{NOT_IN_TIME, Outcome};
use super::signature::signature;
use super::{Change, Notes, WebhookResult, WebhookRule};
use crate::pack::{Packer, Unpacker};
use heartbeat_common::base::time::{Instant, Nanos, nanos};
use heartbeat_common::callout::{CallAnswer, CallToken, Caller, HttpCall, Payload};
use std::mem;
use std::rc::Rc;

/// How a queue is kept; another number means another module's.
const LAYOUT: u8 = 1;
/// The most of a delivery, in bytes of the changes: one is told in any case.
const LARGEST: usize = 64 * 1_024;
/// The longest pause between two tries, unless the target asks for more.
const LONGEST_PAUSE: Nanos = 60_000_000_000;
/// How long after its timeout an answer is waited for that Envoy should have given.
const GRACE: Nanos = 5_000_000_000;
/// HMAC-SHA-256 of the body.
const SIGNATURE: &str = "x-heartbeat-signature";
/// What a receiver may know a delivery by that it has had already.
const DELIVERY: &str = "x-heartbeat-delivery";
/// How often the log says how many changes were lost.
const SAID_EVERY: Nanos = 60_000_000_000;

/// Changes that are told together. Tried again, they are the same, and so is all that is
/// sent: a receiver may know a delivery by its id.
#[derive(Clone, Copy, Debug)]
struct Batch {
    /// So many from the front of the queue.
    count: usize,
    /// How many before them were lost.
    missed: u64,
    /// How often it was sent.
    tries: u32,
}

#[derive(Debug)]
enum Phase {
    /// The next delivery may begin at this moment: that of a batch that has failed, or of
    /// what has come together until then.
    Ready(Instant, Option<Batch>),
    /// Its answer isn't there yet.
    UnderWay { token: CallToken, since: Instant, batch: Batch },
}

#[derive(Debug)]
pub struct Lane {
    rule: Rc<WebhookRule>,
    call: HttpCall,
    queue: Vec<Rc<Change>>,
    phase: Phase,
    /// In a row.
    failures: u32,
    /// How many changes were lost that the target wasn't told of yet.
    missed: u64,
    /// The same, of the log.
    unsaid: u64,
    said_at: Option<Instant>,
    /// The log says that it fails.
    is_failing: bool,
    /// What is kept is another than what there is.
    is_changed: bool,
}

impl Lane {
    pub fn new(rule: &Rc<WebhookRule>) -> Self {
        Self {
            call: HttpCall::post(&rule.cluster, &rule.host, &rule.path.0, rule.timeout),
            rule: Rc::clone(rule),
            queue: Vec::new(),
            phase: Phase::Ready(Instant::ZERO, None),
            failures: 0,
            missed: 0,
            unsaid: 0,
            said_at: None,
            is_failing: false,
            is_changed: false,
        }
    }

    pub fn name(&self) -> &str {
        &self.rule.name
    }

    pub fn waiting(&self) -> usize {
        self.queue.len()
    }

    /// How many at the front of the queue have been sent already.
    fn sent(&self) -> usize {
        match &self.phase {
            Phase::Ready(_, batch) => batch.map_or(0, |batch| batch.count),
            Phase::UnderWay { batch, .. } => batch.count,
        }
    }

    /// Takes a change into the queue. Where there is no room, the oldest that was never sent
    /// goes: of what an instance was, what it is by now is the most useful.
    pub fn note(&mut self, change: &Rc<Change>, notes: &mut Notes) {
        if !self.rule.concerns(change) {
            return;
        }
        self.queue.push(Rc::clone(change));
        self.is_changed = true;
        let sent = self.sent();
        if self.queue.len() > sent + self.rule.queue {
            self.queue.remove(sent);
            self.lose(1, WebhookResult::Dropped, notes);
        }
    }

    fn lose(&mut self, count: u64, how: WebhookResult, notes: &mut Notes) {
        notes.count(how, count);
        (self.missed, self.unsaid) = (self.missed + count, self.unsaid + count);
    }

    pub fn next(&self) -> Option<Instant> {
        match &self.phase {
            Phase::Ready(at, _) => (!self.queue.is_empty()).then_some(*at),
            Phase::UnderWay { since, .. } => Some(*since + nanos(self.rule.timeout) + GRACE),
        }
    }

    pub fn on_time(&mut self, notes: &mut Notes, now: Instant) {
        if let Phase::UnderWay { since, batch, .. } = &self.phase
            && *since + nanos(self.rule.timeout) + GRACE <= now
        {
            let batch = *batch;
            self.fail(batch, NOT_IN_TIME, None, notes, now);
        }
        let is_due = self.said_at.is_none_or(|said| now.since(said) >= SAID_EVERY);
        if self.unsaid > 0 && is_due {
            let (name, count) = (&self.rule.name, mem::take(&mut self.unsaid));
            notes.log.push(format!("webhook {name:?}: {count} changes were not delivered"));
            self.said_at = Some(now);
        }
    }

    /// Makes a call where one is due; says whether it was.
    pub fn call(&mut self, caller: &impl Caller, notes: &mut Notes, now: Instant) -> bool {
        let Phase::Ready(at, batch) = self.phase else { return false };
        if at > now || self.queue.is_empty() {
            return false;
        }
        let mut batch = batch.unwrap_or_else(|| self.gather());
        batch.tries += 1;
        self.write_call(batch);
        match caller.http_call(&self.call) {
            Ok(token) => self.phase = Phase::UnderWay { token, since: now, batch },
            Err(refusal) => self.fail(batch, refusal.reason(), None, notes, now),
        }
        // Until the next one it is needed by nobody.
        self.call.payload = Payload::Nothing;
        true
    }

    fn gather(&self) -> Batch {
        let mut size = 0;
        let fitting = self.queue.iter().take(self.rule.format.most()).take_while(|change| {
            let is_first = size == 0;
            size += change.json.len();
            is_first || size <= LARGEST
        });
        Batch { count: fitting.count(), missed: self.missed, tries: 0 }
    }

    fn write_call(&mut self, batch: Batch) {
        let Some(first) = self.queue.first() else { return };
        let (rule, count) = (&self.rule, batch.count);
        let delivery = format!("{}-{}-{count}-{}", rule.name, first.id, batch.missed);
        let changes = self.queue.iter().take(count).map(|change| &**change);
        let body = body(rule.format, &rule.name, &delivery, batch.missed, changes);
        let own = rule.headers.iter().map(|(name, value)| (name.clone(), value.0.clone()));
        let mut headers: Vec<(String, String)> = own.collect();
        if let Some(key) = &rule.key {
            headers.push((SIGNATURE.to_owned(), signature(&key.0, body.as_bytes())));
        }
        headers.push((DELIVERY.to_owned(), delivery));
        self.call.headers = headers;
        self.call.payload = Payload::Json(body.into_bytes());
    }

    /// Whether the answer is that to a call of its own.
    pub fn on_answer(
        &mut self,
        token: CallToken,
        answer: &impl CallAnswer,
        notes: &mut Notes,
        now: Instant,
    ) -> bool {
        let Phase::UnderWay { token: own, batch, .. } = self.phase else { return false };
        if own != token {
            return false;
        }
        match Outcome::of(answer) {
            Outcome::Delivered => {
                self.missed = self.missed.saturating_sub(batch.missed);
                notes.count(WebhookResult::Delivered, batch.count as u64);
                self.done(batch, now + nanos(self.rule.format.pause()));
                self.failures = 0;
                if mem::take(&mut self.is_failing) {
                    let name = &self.rule.name;
                    notes.log.push(format!("webhook {name:?}: it takes deliveries again"));
                }
            }
            Outcome::Refused(reason) => {
                self.say_failing(&reason, "which isn't tried again", notes);
                self.lose(batch.count as u64, WebhookResult::Refused, notes);
                self.done(batch, now + nanos(self.rule.format.pause()));
            }
            Outcome::Failed(reason, after) => self.fail(batch, &reason, after, notes, now),
        }
        true
    }

    fn fail(
        &mut self,
        batch: Batch,
        reason: &str,
        after: Option<Nanos>,
        notes: &mut Notes,
        now: Instant,
    ) {
        self.say_failing(reason, "it is tried again", notes);
        let doubled = nanos(self.rule.backoff).saturating_mul(1 << self.failures.min(16));
        let pause = doubled.min(LONGEST_PAUSE);
        self.failures = self.failures.saturating_add(1);
        // Several hubs are not to try again all at once.
        let pause = pause / 2 + notes.jitter.below(pause / 2);
        let at = now + pause.max(after.unwrap_or_default());
        if batch.tries > self.rule.retries {
            self.lose(batch.count as u64, WebhookResult::GivenUp, notes);
            self.done(batch, at);
        } else {
            notes.count(WebhookResult::Retried, 1);
            self.phase = Phase::Ready(at, Some(batch));
        }
    }

    fn say_failing(&mut self, reason: &str, then: &str, notes: &mut Notes) {
        if !mem::replace(&mut self.is_failing, true) {
            let name = &self.rule.name;
            notes.log.push(format!("webhook {name:?}: a delivery failed: {reason}; {then}"));
        }
    }

    /// A batch is over, and the next may begin then.
    fn done(&mut self, batch: Batch, at: Instant) {
        self.queue.drain(..batch.count.min(self.queue.len()));
        self.phase = Phase::Ready(at, None);
        self.is_changed = true;
    }

    pub fn keep(&mut self, keep: &mut impl FnMut(&str, &[u8]) -> bool) {
        if !self.is_changed {
            return;
        }
        let mut bytes = Packer::with_capacity(16 + 640 * self.queue.len());
        bytes.byte(LAYOUT);
        bytes.number(self.missed);
        self.queue.iter().for_each(|change| change.write(&mut bytes));
        self.is_changed = !keep(&self.rule.name, &bytes.finish());
    }

    /// Goes on with what was kept, as far as it fits.
    pub fn restore(&mut self, kept: &[u8]) {
        let mut bytes = Unpacker::new(kept);
        if bytes.byte() != Some(LAYOUT) {
            return;
        }
        self.missed = bytes.number().unwrap_or_default();
        while let Some(change) = Change::read(&mut bytes) {
            self.queue.push(Rc::new(change));
        }
        let more = self.queue.len().saturating_sub(self.rule.queue);
        self.queue.drain(..more);
        (self.missed, self.unsaid) = (self.missed + more as u64, more as u64);
    }
}
