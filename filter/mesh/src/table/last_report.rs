//! What one source last said of one instance.

use crate::arrivals::Arrivals;
use crate::event::Report;
use crate::fusion::Claim;
use crate::snapshot::Said;
use crate::source::{Silence, SourceRule};
use heartbeat_common::base::time::{Instant, Nanos};

/// How much a new rate of errors weighs against those before it.
const ERROR_WEIGHT: f32 = 0.2;

/// How far a word can be relied on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Freshness {
    /// It holds.
    Fresh,
    /// The next is missed, and that means something.
    Missed,
    /// It is too old to count.
    Stale,
}

/// The last report, and what was made of those before it.
#[derive(Clone, Debug)]
pub struct LastReport {
    pub stamp: u64,
    pub at: Instant,
    pub claim: Claim,
    pub latency_ms: Option<f32>,
    pub error_rate: Option<f32>,
    pub freshness: Freshness,
    /// It is fresh before this, where its source can be heard.
    pub fresh_until: Instant,
    /// When it ceased to be fresh.
    pub silent_since: Instant,
    /// It is its source that has fallen silent, not the instance.
    pub discounted: bool,
    failures: u32,
    arrivals: Option<Arrivals>,
}

impl LastReport {
    pub fn new(rule: &SourceRule, now: Instant) -> Self {
        let new = Self {
            stamp: 0,
            at: now,
            claim: Claim::Alive,
            latency_ms: None,
            error_rate: None,
            freshness: Freshness::Fresh,
            fresh_until: Instant::ZERO,
            silent_since: Instant::ZERO,
            discounted: false,
            failures: 0,
            arrivals: rule.beat().map(|beat| Arrivals::begin(beat, now)),
        };
        Self { fresh_until: new.ceases_to_be_fresh(rule), ..new }
    }

    /// The last report as another owner had it, who was heard of so long ago: of that time
    /// nobody knows who was silent in it.
    pub fn restore(rule: &SourceRule, said: &Said, gap: Nanos) -> Self {
        let Said { claim, at, stamp, latency_ms, error_rate, .. } = *said;
        // What it was one failure short of, it comes to with the next.
        let failures = if claim >= Claim::Suspect { rule.fall().saturating_sub(1) } else { 0 };
        Self { at, claim, stamp, latency_ms, error_rate, failures, ..Self::new(rule, at + gap) }
    }

    /// Takes the next report.
    pub fn take(&mut self, rule: &SourceRule, report: &Report, now: Instant) {
        if let (Some(arrivals), true) = (&mut self.arrivals, self.stamp != 0) {
            arrivals.note(now);
        }
        self.failures =
            if report.claim == Claim::Dead { self.failures.saturating_add(1) } else { 0 };
        // A lost packet is no death; before `fall` it is a suspicion.
        let too_few = self.failures < rule.fall();
        self.claim = match report.claim {
            Claim::Dead if too_few && self.claim != Claim::Dead => Claim::Suspect,
            claim => claim,
        };
        self.error_rate = report.error_rate.map(|rate| {
            self.error_rate.map_or(rate, |before| before + ERROR_WEIGHT * (rate - before))
        });
        (self.stamp, self.at, self.latency_ms) = (report.stamp, now, report.latency_ms);
        (self.freshness, self.discounted) = (Freshness::Fresh, false);
        self.fresh_until = self.ceases_to_be_fresh(rule);
    }

    /// How its words come, where it means something that the next is missed.
    fn beats(&self, rule: &SourceRule) -> Option<&Arrivals> {
        self.arrivals.as_ref().filter(|_| rule.silence == Silence::Down)
    }

    fn ceases_to_be_fresh(&self, rule: &SourceRule) -> Instant {
        let stale_at = rule.fresh_for().map_or(Instant::NEVER, |fresh_for| self.at + fresh_for + 1);
        self.beats(rule).map_or(stale_at, |beats| beats.missed_at().min(stale_at))
    }

    /// Whether it is to be relied on at a moment as it was said.
    pub fn is_fresh(&self, now: Instant) -> bool {
        now < self.fresh_until
    }

    /// From when on it may be relied on otherwise than at the last [look](Self::look), if its
    /// source says nothing more.
    pub fn changes_at(&self, rule: &SourceRule) -> Instant {
        match self.freshness {
            Freshness::Fresh => self.fresh_until,
            Freshness::Stale => self.beats(rule).map_or(Instant::NEVER, Arrivals::missed_at),
            Freshness::Missed => Instant::NEVER,
        }
    }

    /// How far it can be relied on at a moment.
    fn freshness(&self, rule: &SourceRule, now: Instant) -> Freshness {
        match () {
            () if self.is_fresh(now) => Freshness::Fresh,
            () if self.beats(rule).is_some_and(|beats| beats.is_missed(now)) => Freshness::Missed,
            () => Freshness::Stale,
        }
    }

    /// What it says by its freshness; `None` where it says nothing any more. `speaking`
    /// says whether its source is still speaking.
    pub fn speaks(&self, speaking: bool) -> Option<Claim> {
        match self.freshness {
            Freshness::Fresh => Some(self.claim),
            Freshness::Missed if speaking && !self.discounted => Some(Claim::Dead),
            Freshness::Missed | Freshness::Stale => None,
        }
    }

    /// Looks how far it can still be relied on; says whether that is another than before.
    /// `lost` says that its source can't be heard.
    pub fn look(&mut self, rule: &SourceRule, lost: bool, now: Instant) -> bool {
        let freshness = if lost { Freshness::Stale } else { self.freshness(rule, now) };
        if self.freshness == Freshness::Fresh && freshness != Freshness::Fresh {
            self.silent_since = now;
        }
        let changed = self.freshness != freshness;
        self.freshness = freshness;
        changed
    }

    /// Whether it is to be relied on, and says that the instance is well.
    pub fn is_good(&self) -> bool {
        (self.freshness, self.claim) == (Freshness::Fresh, Claim::Alive)
    }

    /// Whether it has fallen silent within this time.
    pub fn is_silent_for(&self, time: Nanos, now: Instant) -> bool {
        self.freshness != Freshness::Fresh && now.since(self.silent_since) <= time
    }

    /// If it is silent, that is its source's doing; says whether that is new.
    pub fn discount(&mut self) -> bool {
        let is_silent = self.freshness != Freshness::Fresh;
        is_silent && !std::mem::replace(&mut self.discounted, true)
    }
}
