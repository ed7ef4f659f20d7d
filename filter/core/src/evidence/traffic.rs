//! What ordinary requests say: how many there were lately, and how many failed.

use crate::config::TrafficRule;
use crate::grpc;
use crate::state::{Decoder, Encoder, State};
use crate::time::{Nanos, SKEW, nanos};
use crate::units::Share;
use std::cell::Cell;

/// Into how many slots a window is cut.
const SLOTS: u64 = 10;

/// Requests, and those of them that failed.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Count {
    /// All of them.
    pub requests: u64,
    /// Those that failed.
    pub errors: u64,
}

impl Count {
    fn add(&mut self, other: Self) {
        self.requests = self.requests.saturating_add(other.requests);
        self.errors = self.errors.saturating_add(other.errors);
    }

    /// The share of errors.
    pub fn error_rate(self) -> Share {
        Share::of(self.errors, self.requests)
    }
}

/// What one worker has counted and not yet shared.
#[derive(Debug, Default)]
pub struct Tally(Cell<Count>);

impl Tally {
    /// Counts a request that ended with `status`, and with `grpc_status` where
    /// it was a call of gRPC. One without a status was given up by its client:
    /// it says nothing. Neither do the errors that a client can bring about: a
    /// method that the server doesn't know (501), a version (505), and a deadline
    /// of the client's own, which `hurried` looks for.
    pub fn count(
        &self,
        status: Option<u16>,
        grpc_status: Option<u32>,
        hurried: impl FnOnce() -> bool,
    ) {
        const NOT_IMPLEMENTED: u16 = 501;
        const VERSION_NOT_SUPPORTED: u16 = 505;
        let Some(status) = status else { return };
        let failed = match (status, grpc_status) {
            (NOT_IMPLEMENTED | VERSION_NOT_SUPPORTED, _) => false,
            (_, Some(grpc::code::DEADLINE_EXCEEDED)) => !hurried(),
            (500.., _) => true,
            (_, grpc_status) => grpc_status.is_some_and(grpc::is_servers_fault),
        };
        let mut count = self.0.get();
        count.add(Count { requests: 1, errors: u64::from(failed) });
        self.0.set(count);
    }

    /// Takes what was counted.
    pub fn take(&self) -> Count {
        self.0.take()
    }
}

/// The requests of the last while, on all workers.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Window {
    /// The slots that hold something, by their number since the epoch.
    slots: Vec<(u64, Count)>,
    /// There were too many errors, and there are not yet few enough.
    tripped: bool,
    /// When all of it is too old.
    until: Nanos,
}

/// What a window says.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Reading {
    /// There were too few requests to say anything.
    TooFew,
    /// Few enough failed.
    Healthy,
    /// Too many failed.
    Failing,
}

/// How long a slot is, in nanoseconds.
fn slot_length(rule: &TrafficRule) -> Nanos {
    (nanos(rule.window) / SLOTS).max(1)
}

/// Whether a slot belongs to the window. It may lie a little ahead, where another
/// worker has read the clock later; what lies further ahead was counted before the
/// clock was set back.
fn is_recent(rule: &TrafficRule, slot: u64, now: Nanos) -> bool {
    let length = slot_length(rule);
    let latest = now.saturating_add(SKEW) / length;
    slot <= latest && (now / length).saturating_sub(slot) < SLOTS
}

impl Window {
    /// Adds what a worker has counted since it last did.
    pub fn add(&mut self, rule: &TrafficRule, count: Count, now: Nanos) {
        let present = now / slot_length(rule);
        self.slots.retain(|(slot, _)| is_recent(rule, *slot, now));
        match self.slots.iter_mut().find(|(slot, _)| *slot == present) {
            Some((_, counted)) => counted.add(count),
            None => self.slots.push((present, count)),
        }
        let (count, reading) = self.read(rule, now);
        self.until = now.saturating_add(nanos(rule.window));
        self.tripped = match reading {
            Reading::TooFew => false,
            Reading::Failing => true,
            Reading::Healthy => {
                self.tripped && rule.recovers_at.is_exceeded_by(count.errors, count.requests)
            }
        };
    }

    /// What it holds, and what that says.
    pub fn read(&self, rule: &TrafficRule, now: Nanos) -> (Count, Reading) {
        let mut count = Count::default();
        let recent = self.slots.iter().filter(|(slot, _)| is_recent(rule, *slot, now));
        recent.for_each(|(_, slot)| count.add(*slot));
        let limit = if self.tripped { rule.recovers_at } else { rule.max_error_rate };
        let reading = match count {
            count if count.requests < u64::from(rule.min_requests) => Reading::TooFew,
            count if limit.is_exceeded_by(count.errors, count.requests) => Reading::Failing,
            _ => Reading::Healthy,
        };
        (count, reading)
    }
}

impl State for Window {
    fn expires(&self) -> Nanos {
        self.until
    }

    fn encode(&self, to: &mut Encoder) {
        to.number(u64::from(self.tripped)).number(self.until).number(self.slots.len() as u64);
        for (slot, count) in &self.slots {
            to.number(*slot).number(count.requests).number(count.errors);
        }
    }

    fn decode(from: &mut Decoder<'_>) -> Option<Self> {
        let (tripped, until) = (from.number()? != 0, from.number()?);
        let length = from.number()?;
        let slots = (0..length).map(|_| {
            let slot = from.number()?;
            Some((slot, Count { requests: from.number()?, errors: from.number()? }))
        });
        Some(Self { slots: slots.collect::<Option<_>>()?, tripped, until })
    }
}
