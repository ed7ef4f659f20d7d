//! What ordinary requests say: how many there were lately, and how many failed.

use crate::base::time::Instant;
use crate::base::units::Share;
use crate::grpc;
use crate::http::classify::Fault;
use crate::state::sliding::{Sliding, Sums, count_at};
use crate::state::{Decoder, Encoder, State};
use std::cell::Cell;
use std::time::Duration;

/// How many ordinary requests may fail.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct TrafficRule {
    /// More errors than this fail.
    pub max_error_rate: Share,
    /// Once failed, it holds again at this rate of errors.
    pub recovers_at: Share,
    /// Fewer requests than this say nothing.
    pub min_requests: u32,
    /// The time that is looked back.
    pub window: Duration,
}

/// Requests, and those of them that failed.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Count {
    /// All of them.
    pub requests: u64,
    /// Those that failed.
    pub errors: u64,
}

impl Count {
    /// The share of errors.
    pub fn error_rate(self) -> Share {
        Share::of(self.errors, self.requests)
    }
}

impl Sums for Count {
    fn to_numbers(&self) -> Vec<f64> {
        vec![self.requests as f64, self.errors as f64]
    }

    fn of_numbers(numbers: &[f64]) -> Self {
        Self { requests: count_at(numbers, 0), errors: count_at(numbers, 1) }
    }
}

/// What one worker has counted and not yet shared.
#[derive(Debug, Default)]
pub struct Tally(Cell<Count>);

/// Whether a request failed that ended with `status`, and with `grpc_status` where
/// it was a call of gRPC. One without a status was given up by its client: it says
/// nothing. Neither do the errors that a client can bring about: a method that the
/// server doesn't know (501), a version (505), and a deadline of the client's own,
/// which `hurried` looks for.
pub fn judge(
    status: Option<u16>,
    grpc_status: Option<u32>,
    hurried: impl FnOnce() -> bool,
) -> Option<bool> {
    let status = status?;
    let fault = Fault::of(status);
    Some(match (status, grpc_status) {
        (500.., _) if fault == Fault::Client => false,
        (_, Some(grpc::code::DEADLINE_EXCEEDED)) => !hurried(),
        // What turns an answer of gRPC into one of HTTP makes 503 of every failure.
        (_, Some(status)) if status != grpc::code::OK => grpc::is_servers_fault(status),
        _ => fault == Fault::Server,
    })
}

impl Tally {
    /// Counts a request.
    pub fn count(&self, failed: bool) {
        let Count { requests, errors } = self.0.get();
        self.0.set(Count { requests: requests + 1, errors: errors + u64::from(failed) });
    }

    /// Takes what was counted.
    pub fn take(&self) -> Count {
        self.0.take()
    }
}

/// The requests of the last while, on all workers.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Window {
    counts: Sliding,
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

impl Window {
    /// Adds what a worker has counted since it last did.
    pub fn add(&mut self, rule: &TrafficRule, count: Count, now: Instant) {
        self.counts.add(rule.window, &count, now);
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
    pub fn read(&self, rule: &TrafficRule, now: Instant) -> (Count, Reading) {
        let count: Count = self.counts.total(rule.window, now);
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
    fn expires(&self) -> Instant {
        self.counts.expires()
    }

    fn encode(&self, to: &mut Encoder) {
        to.number(u64::from(self.tripped));
        self.counts.encode(to);
    }

    fn decode(from: &mut Decoder<'_>) -> Option<Self> {
        Some(Self { tripped: from.number()? != 0, counts: Sliding::decode(from)? })
    }
}
