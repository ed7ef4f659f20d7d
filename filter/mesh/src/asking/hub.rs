//! Another hub, which is followed: a question is always open there, and what it last said
//! holds while that is so.

use super::changes::{Answer, Change};
use super::notes::Notes;
use super::{HubAsk, Word};
use crate::event::Report;
use crate::table::SourceId;
use heartbeat_common::base::time::{Instant, Nanos};
use heartbeat_common::callout::{
    Answered, CallAnswer, CallToken, Caller, CheckResponse, HttpCall, Lateness, PeriodicCall,
};
use std::fmt::Write as _;

/// The longest answer that is read, in bytes: some 30,000 instances. More than that lies in
/// Envoy's memory, and would in ours.
const LONGEST_ANSWER: usize = 8 * 1_024 * 1_024;
/// From one question to the next at least, in nanoseconds, however fast the answers come.
const PACE: Nanos = 10_000_000;
/// How soon a question is asked again that had no good answer; then twice as late each time.
const FIRST_RETRY: Nanos = 100_000_000;
const LAST_RETRY: Nanos = 5_000_000_000;
/// After so many of those in a row the hub isn't heard any more. One is a hub that restarts;
/// but one that gives no answer in time hangs.
const LOST: u32 = 2;

const NOT_IN_TIME: &str = "no answer in time";
/// Of an answer that goes on from an index that isn't known.
const FROM_NOTHING: &str = "the answer goes on from what was never said";

#[derive(Debug)]
pub struct FollowedHub {
    source: SourceId,
    name: String,
    /// The question, without the index.
    path: String,
    call: PeriodicCall,
    asked: Instant,
    /// What is known of what it knows.
    index: Option<u64>,
    failures: u32,
    is_lost: bool,
}

impl FollowedHub {
    pub fn new(source: SourceId, name: String, service: Option<&str>, ask: &HubAsk) -> Self {
        let mut path = format!("/mesh/v1/health/subscribe?wait={}ms", ask.wait.as_millis());
        if let Some(service) = service {
            path.push_str("&service=");
            encode(service, &mut path);
        }
        let timeout = ask.wait + ask.timeout;
        let call = HttpCall::get(&ask.cluster, &ask.host, &path, timeout);
        Self {
            source,
            name,
            path,
            call: PeriodicCall::new(call, timeout, timeout),
            asked: Instant::ZERO,
            index: None,
            failures: 0,
            is_lost: false,
        }
    }

    pub fn next(&self) -> Option<Instant> {
        self.call.next(true)
    }

    pub fn on_time(&mut self, notes: &mut Notes, now: Instant) {
        if self.call.give_up(now).is_some() {
            // Its answer is waited for no longer: whatever it says is old by then.
            self.call.abandon();
            self.failures = self.failures.max(LOST - 1);
            self.on_failure(NOT_IN_TIME, notes, now);
        }
    }

    pub fn call(&mut self, caller: &impl Caller, notes: &mut Notes, now: Instant) -> bool {
        if !self.call.claim(&mut notes.jitter, now) {
            return false;
        }
        self.asked = now;
        let mut path = self.path.clone();
        if let Some(index) = self.index {
            let _ = write!(path, "&index={index}"); // A string takes all.
        }
        self.call.set_path(path);
        if let Err(refusal) = self.call.begin(caller, now) {
            self.on_failure(refusal.reason(), notes, now);
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
        let Some(answered) = self.call.on_answer(token, answer, None, now) else { return false };
        match read(&answered, answer) {
            Err(reason) => self.on_failure(&reason, notes, now),
            Ok(None) if self.index.is_none() => self.on_failure(FROM_NOTHING, notes, now),
            Ok(None) => self.on_good_answer(notes, now),
            Ok(Some(body)) => match Answer::read(&body) {
                Some(answer) => self.take(answer, notes, now),
                None => self.on_failure("the answer isn't that of a hub", notes, now),
            },
        }
        true
    }

    fn take(&mut self, answer: Answer<'_>, notes: &mut Notes, now: Instant) {
        let Answer { index, reset, changes } = answer;
        if !reset && self.index.is_none_or(|known| index < known) {
            // It has begun anew, and doesn't say so.
            self.index = None;
            return self.on_failure(FROM_NOTHING, notes, now);
        }
        self.index = Some(index);
        self.on_good_answer(notes, now);
        if reset {
            notes.words.push(Word::StartsOver(self.source));
        }
        for change in changes {
            self.take_change(change, notes, now);
        }
    }

    fn take_change(&self, mut change: Change<'_>, notes: &mut Notes, now: Instant) {
        let Some(service) = notes.service(&change.service).filter(|_| change.is_named()) else {
            return;
        };
        let (source, place) = (self.source, change.place());
        let (latency_ms, error_rate) = (change.latency_ms(), change.error_rate());
        let claim = change.claim();
        let instance = change.instance.into_owned();
        let word = match claim {
            Some(claim) => {
                let report = Report { latency_ms, error_rate, ..notes.report(claim, now) };
                Word::Said { source, service, instance, report, place }
            }
            None => Word::Withdrawn { source, service, instance },
        };
        notes.words.push(word);
    }

    fn on_good_answer(&mut self, notes: &mut Notes, now: Instant) {
        self.failures = 0;
        self.call.begin_at((self.asked + PACE).max(now));
        if std::mem::take(&mut self.is_lost) {
            notes.log.push(format!("source {:?}: the hub is heard again", self.name));
            notes.words.push(Word::Heard(self.source));
        }
    }

    fn on_failure(&mut self, reason: &str, notes: &mut Notes, now: Instant) {
        let delay = FIRST_RETRY.saturating_mul(1 << self.failures.min(16)).min(LAST_RETRY);
        self.call.begin_at(now + delay / 2 + notes.jitter.below(delay / 2));
        self.failures = self.failures.saturating_add(1);
        if self.failures >= LOST && !std::mem::replace(&mut self.is_lost, true) {
            notes.log.push(format!("source {:?}: the hub can't be heard: {reason}", self.name));
            notes.words.push(Word::Lost(self.source));
        }
    }
}

/// The body of an answer that has one, and none where nothing has changed.
fn read(answered: &Answered, answer: &impl CallAnswer) -> Result<Option<Vec<u8>>, String> {
    match &answered.response {
        _ if answered.lateness != Lateness::InTime => Err(NOT_IN_TIME.to_owned()),
        CheckResponse::Answer(304) => Ok(None),
        CheckResponse::Answer(200) => Ok(Some(answer.body())),
        // That is too long for an answer about one instance.
        CheckResponse::TooLarge(size) if *size <= LONGEST_ANSWER && is_ok(answer) => {
            Ok(Some(answer.body()))
        }
        CheckResponse::Answer(status) => Err(format!("answered {status}")),
        CheckResponse::Timeout => Err(NOT_IN_TIME.to_owned()),
        failed => Err(failed.failure()),
    }
}

fn is_ok(answer: &impl CallAnswer) -> bool {
    answer.status() == Some(200)
}

/// Writes a value of a query: percent-encoded but for what is unreserved (RFC 3986,
/// section 2.3).
fn encode(value: &str, to: &mut String) {
    for byte in value.bytes() {
        match byte {
            b'A'..=b'Z' | b'a'..=b'z' | b'0'..=b'9' | b'-' | b'.' | b'_' | b'~' => {
                to.push(char::from(byte));
            }
            _ => {
                let _ = write!(to, "%{byte:02X}"); // A string takes all.
            }
        }
    }
}
