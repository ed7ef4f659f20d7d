//! How far a source is to be trusted.
//!
//! Three things of its own lower it: that its word doesn't hold, that it asks from afar,
//! and that it disagrees with those who agree. A time-out isn't among them: it is a vote,
//! and the witness that is right must not be punished for it.

use crate::fusion::{Thousandths, WHOLE};
use heartbeat_common::base::time::{Instant, Nanos};

/// How much a word that stands alone costs: from 0.9 to 0.4 in three.
const ALONE: f64 = 0.237;
/// How much of what is missing a word brings back that the others bear out.
const BORNE_OUT: f64 = 0.05;
const AGREES: f64 = 0.002;
const DISAGREES: f64 = 0.02;
/// The least trust that a source can fall to: one that has none could never win it back.
const LEAST: f64 = 0.1;
/// A round trip up to which a source is near, in milliseconds.
const NEAR_MS: f64 = 100.0;
/// In this time a long round trip is half forgotten, in nanoseconds.
const HALF_LIFE: f64 = 10e9;

/// What became of a source's word among the others'.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Corroboration {
    /// Nobody else had a say.
    Unopposed,
    /// The others bear it out.
    Corroborated,
    /// It says `dead`, and the verdict of the others, without it, is alive.
    Contradicted,
    /// None of these.
    Mixed,
}

/// How a source's word compares to what at least two others say.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Agreement {
    /// It says what the verdict says.
    Agrees,
    /// At least two others agree with each other, and not with it.
    Disagrees,
    /// Fewer than two others have a say, or they don't agree either.
    Open,
}

/// How far a source is trusted, and why.
#[derive(Clone, Copy, Debug)]
pub struct Trust {
    initial: f64,
    /// Whether its word holds: 0 to 1.
    holds: f64,
    /// Whether it agrees with the others: 0 to 1.
    agrees: f64,
    /// Its longest round trip of late, in milliseconds, as it was at a moment.
    round_trip: Option<(f64, Instant)>,
}

impl Trust {
    /// A source that the operator trusts so far, from 0 to 1.
    pub fn new(initial: f64) -> Self {
        Self { initial: initial.clamp(LEAST, 1.0), holds: 1.0, agrees: 1.0, round_trip: None }
    }

    /// Goes on from how far it was trusted by an owner before this one. Whether that was by
    /// what it said or by its distance isn't known any more: it earns it back like any other.
    pub fn restore(&mut self, trust: Thousandths) {
        let share = f64::from(trust) / f64::from(WHOLE) / self.initial;
        self.holds = share.clamp(0.0, 1.0);
    }

    /// What is left of it, at a moment.
    pub fn thousandths(&self, now: Instant) -> Thousandths {
        let trust = self.initial * self.holds * self.agrees * self.nearness(now);
        (trust.clamp(LEAST, 1.0) * f64::from(WHOLE)).round() as Thousandths
    }

    /// What the operator gave it.
    pub fn initial(&self) -> Thousandths {
        (self.initial * f64::from(WHOLE)).round() as Thousandths
    }

    /// Takes note of what became of its word, after the vote.
    pub fn note_corroboration(&mut self, corroboration: Corroboration) {
        match corroboration {
            Corroboration::Contradicted => self.holds *= 1.0 - ALONE,
            Corroboration::Unopposed | Corroboration::Corroborated => {
                self.holds += BORNE_OUT * (1.0 - self.holds)
            }
            Corroboration::Mixed => {}
        }
    }

    /// Takes note of how its word compares.
    pub fn note_agreement(&mut self, agreement: Agreement) {
        match agreement {
            Agreement::Agrees => self.agrees += AGREES * (1.0 - self.agrees),
            Agreement::Disagrees => self.agrees *= 1.0 - DISAGREES,
            Agreement::Open => {}
        }
    }

    /// Takes note of how long a whole answer took: a peak EWMA, which rises at once and
    /// falls slowly.
    pub fn note_round_trip(&mut self, took: Nanos, now: Instant) {
        let millis = took as f64 / 1e6;
        let peak = self.peak(now).map_or(millis, |peak| peak.max(millis));
        self.round_trip = Some((peak, now));
    }

    fn peak(&self, now: Instant) -> Option<f64> {
        let (peak, at) = self.round_trip?;
        Some(peak * (-(now.since(at) as f64) / HALF_LIFE).exp2())
    }

    fn nearness(&self, now: Instant) -> f64 {
        self.peak(now).map_or(1.0, |peak| (NEAR_MS / peak.max(NEAR_MS)).min(1.0))
    }
}

#[cfg(test)]
mod tests;
