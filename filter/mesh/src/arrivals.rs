//! When silence means something: phi accrual.
//!
//! A source that beats is late when its next word is less and less likely still to come.
//! Hayashibara et al., "The φ accrual failure detector", 2004.

use heartbeat_common::base::time::{Instant, Nanos};

/// How many standard deviations late a beat is when φ is 8, from which on it is missed: one
/// in a hundred million would come so late. By the logistic approximation of the normal
/// distribution's upper tail, `1 − F(y) = e / (1 + e)` with `e = exp(−y (1.5976 + 0.070566 y²))`.
const DEVIATIONS: f64 = 5.226;
/// How many beats may be lost before silence counts at all.
const PAUSE: f64 = 2.0;
/// How much a new gap weighs against those before it.
const WEIGHT: f64 = 0.05;
/// The least spread, in nanoseconds: an even beat makes no promise.
const LEAST_SPREAD: f64 = 50e6;
/// The least spread, as a share of the mean.
const LEAST_SHARE: f64 = 0.1;

/// How a source's words about an instance come.
#[derive(Clone, Copy, Debug)]
pub struct Arrivals {
    last: Instant,
    /// The mean gap, in nanoseconds.
    mean: f64,
    /// The mean square of what gaps differ from it by.
    variance: f64,
}

impl Arrivals {
    /// The first word has come from a source that is to beat every so often.
    pub fn begin(beat: Nanos, now: Instant) -> Self {
        Self { last: now, mean: beat as f64, variance: 0.0 }
    }

    /// Another word has come. A gap that was a silence says nothing of the pace.
    pub fn note(&mut self, now: Instant) {
        let gap = now.since(self.last) as f64;
        if gap <= self.mean * (PAUSE + 1.0) {
            let off = gap - self.mean;
            self.mean += WEIGHT * off;
            self.variance += WEIGHT * (off * off - self.variance);
        }
        self.last = now;
    }

    /// When the last word came.
    pub fn last(&self) -> Instant {
        self.last
    }

    /// When the next word is missed, if none comes before.
    pub fn missed_at(&self) -> Instant {
        let pause = self.mean * PAUSE;
        self.last + (self.mean + pause + DEVIATIONS * self.spread()) as Nanos
    }

    /// Whether its next word is missed.
    pub fn is_missed(&self, now: Instant) -> bool {
        now >= self.missed_at()
    }

    fn spread(&self) -> f64 {
        self.variance.max(0.0).sqrt().max(LEAST_SPREAD).max(self.mean * LEAST_SHARE)
    }
}

#[cfg(test)]
mod tests;
