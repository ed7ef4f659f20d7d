//! What ordinary requests say: how many there were lately, and how many failed.

use crate::config::TrafficRule;
use crate::grpc;
use crate::state::{Decoder, Encoder, State};
use crate::time::{Nanos, nanos};
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
    /// it says nothing.
    pub fn count(&self, status: Option<u16>, grpc_status: Option<u32>) {
        let Some(status) = status else { return };
        let failed = status >= 500 || grpc_status.is_some_and(grpc::is_servers_fault);
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

impl Window {
    /// Adds what a worker has counted since it last did.
    pub fn add(&mut self, rule: &TrafficRule, count: Count, now: Nanos) {
        let present = now / slot_length(rule);
        self.slots.retain(|(slot, _)| *slot <= present && present - slot < SLOTS);
        match self.slots.iter_mut().find(|(slot, _)| *slot == present) {
            Some((_, counted)) => counted.add(count),
            None => self.slots.push((present, count)),
        }
        let (count, reading) = self.read(rule, now);
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
        let present = now / slot_length(rule);
        let mut count = Count::default();
        let lately = |slot: u64| present.checked_sub(slot).is_none_or(|age| age < SLOTS);
        self.slots.iter().filter(|(slot, _)| lately(*slot)).for_each(|(_, slot)| count.add(*slot));
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
    fn encode(&self, to: &mut Encoder) {
        to.number(u64::from(self.tripped)).number(self.slots.len() as u64);
        for (slot, count) in &self.slots {
            to.number(*slot).number(count.requests).number(count.errors);
        }
    }

    fn decode(from: &mut Decoder<'_>) -> Option<Self> {
        let tripped = from.number()? != 0;
        let length = from.number()?.min(SLOTS);
        let slots = (0..length).map(|_| {
            let slot = from.number()?;
            Some((slot, Count { requests: from.number()?, errors: from.number()? }))
        });
        Some(Self { slots: slots.collect::<Option<_>>()?, tripped })
    }
}
