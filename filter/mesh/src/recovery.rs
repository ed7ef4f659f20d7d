//! How long what was dead has to prove itself.

use heartbeat_common::base::time::{Instant, Nanos};

/// For this long a death counts, in nanoseconds.
const REMEMBERED: Nanos = 600_000_000_000;
/// More than these in ten minutes wait no longer than those.
const MOST: usize = 16;

/// How long a return to life is put off.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct RecoveryRule {
    /// After the first death in ten minutes.
    pub after: Nanos,
    /// However many there were.
    pub at_most: Nanos,
}

impl Default for RecoveryRule {
    fn default() -> Self {
        Self { after: 1_000_000_000, at_most: 60_000_000_000 }
    }
}

/// The deaths of an instance in the last ten minutes, and whether it has still to prove
/// that it lives.
#[derive(Clone, Debug, Default)]
pub struct Deaths {
    at: Vec<Instant>,
    owes_proof: bool,
    /// Since when the votes say that it is alive again.
    alive_since: Option<Instant>,
}

impl Deaths {
    /// What was remembered before: when it died, and whether it still has to prove itself.
    pub fn restore(at: Vec<Instant>, owes_proof: bool) -> Self {
        Self { owes_proof: owes_proof && !at.is_empty(), at, alive_since: None }
    }

    /// When it died, of late.
    pub fn times(&self) -> &[Instant] {
        &self.at
    }

    /// It has died.
    pub fn note(&mut self, now: Instant) {
        self.at.retain(|at| now.since(*at) < REMEMBERED);
        if self.at.len() < MOST {
            self.at.push(now);
        }
        (self.owes_proof, self.alive_since) = (true, None);
    }

    /// The last death was none.
    pub fn forgive(&mut self) {
        self.at.pop();
        (self.owes_proof, self.alive_since) = (false, None);
    }

    /// The votes don't say that it is alive.
    pub fn interrupt(&mut self) {
        self.alive_since = None;
    }

    /// The votes say that it is alive. Says whether it has still to prove that: the time
    /// doubles with each death.
    pub fn has_to_prove(&mut self, rule: &RecoveryRule, now: Instant) -> bool {
        if !self.owes_proof {
            return false;
        }
        let since = *self.alive_since.get_or_insert(now);
        let deaths = self.at.iter().filter(|at| now.since(**at) < REMEMBERED).count();
        let doubled = 1_u64 << deaths.saturating_sub(1).min(MOST);
        let wait = rule.after.saturating_mul(doubled).min(rule.at_most);
        if now.since(since) < wait {
            return true;
        }
        (self.owes_proof, self.alive_since) = (false, None);
        false
    }
}

#[cfg(test)]
mod tests;
