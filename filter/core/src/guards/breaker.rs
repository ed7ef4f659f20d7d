//! `breaker`: leaves an application alone that has failed several times in a row.

use crate::base::metric::{CounterId, GaugeId, Registry};
use crate::base::time::{Instant, Nanos, nanos};
use crate::state::{Decoder, Encoder, Lease, State};
use std::time::Duration;

/// A circuit breaker.
#[derive(Debug, PartialEq, Eq, Hash)]
pub struct BreakerRule {
    /// How many failures in a row open it.
    pub failures: u32,
    /// How long it stays open before one trial decides.
    pub open_for: Duration,
}

/// The metrics of a rule's breakers.
#[derive(Clone, Copy, Debug)]
pub struct BreakerMetrics {
    /// The [`BreakerState`] that one of them was last seen in, by its number.
    pub state: GaugeId,
    /// How often they opened.
    pub opened: CounterId,
}

impl BreakerMetrics {
    /// Defines those of the probe that `metrics` are labelled with.
    pub fn define(metrics: &mut Registry<'_>) -> Self {
        Self {
            state: metrics.gauge("heartbeat_breaker_state"),
            opened: metrics.counter("heartbeat_breaker_opened_total"),
        }
    }
}

/// The breaker, shared by all workers.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Breaker {
    /// Failures in a row.
    failures: u32,
    /// Until when no probe passes; in the past it awaits a trial. 0 is closed.
    open_until: Instant,
    /// The trial that is under way.
    trial: Lease,
    /// Whether its body is still to come: then it gives way to one that is whole.
    trial_may_hang: bool,
    /// When its failures are too old to be followed by others.
    forgotten_at: Instant,
}

/// How long failures are remembered without another probe, in nanoseconds: beyond
/// the longest pause between two that belong together.
const REMEMBERED: Nanos = 600_000_000_000;

/// How long others wait for a trial whose body is still to come, in nanoseconds: it may
/// never come, on purpose.
const WHILE_IT_MAY_HANG: Nanos = 1_000_000_000;

/// What the breaker says to a probe.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Passage {
    /// It may pass.
    Closed,
    /// It may pass, as the one trial that decides.
    Trial,
    /// It may not, for so many nanoseconds at least.
    Open(Nanos),
    /// It may not, while the trial is under way.
    HalfOpen,
}

/// The state as a gauge shows it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum BreakerState {
    /// Probes pass.
    Closed = 0,
    /// One trial is under way.
    HalfOpen = 1,
    /// No probe passes.
    Open = 2,
}

impl BreakerState {
    /// The word for logs.
    pub const fn word(self) -> &'static str {
        match self {
            Self::Closed => "closed",
            Self::HalfOpen => "half-open",
            Self::Open => "open",
        }
    }
}

impl State for Breaker {
    fn encode(&self, to: &mut Encoder) {
        to.number(u64::from(self.failures)).instant(self.open_until).instant(self.forgotten_at);
        to.number(u64::from(self.trial_may_hang));
        self.trial.encode(to);
    }

    #[inline(never)]
    fn decode(from: &mut Decoder<'_>) -> Option<Self> {
        Some(Self {
            failures: u32::try_from(from.number()?).ok()?,
            open_until: from.instant()?,
            forgotten_at: from.instant()?,
            trial_may_hang: from.number()? != 0,
            trial: Lease::decode(from)?,
        })
    }

    fn expires(&self) -> Instant {
        self.forgotten_at
    }
}

impl Breaker {
    /// Asks whether a probe may pass. As a trial it has `lease_for` nanoseconds to come to an
    /// end, and less where it `may_hang` because its body is still to come.
    pub fn ask(&mut self, now: Instant, token: u64, lease_for: Nanos, may_hang: bool) -> Passage {
        if self.open_until == Instant::ZERO {
            return Passage::Closed;
        }
        let closed_for = self.open_until.since(now);
        if closed_for > 0 {
            return Passage::Open(closed_for);
        }
        let gives_way = self.trial_may_hang && !may_hang;
        if self.trial.is_held(now) && !gives_way {
            return Passage::HalfOpen;
        }
        self.trial_may_hang = may_hang;
        let lease_for = if may_hang { lease_for.min(WHILE_IT_MAY_HANG) } else { lease_for };
        self.trial.grant(token, now, lease_for);
        Passage::Trial
    }

    /// Takes note of how a probe ended that passed at the moment `passed`. Says whether
    /// anything changed.
    pub fn record(
        &mut self,
        rule: &BreakerRule,
        now: Instant,
        token: u64,
        passed: Instant,
        failed: bool,
    ) -> bool {
        let before = *self;
        let trial = self.trial.belongs_to(token);
        // A trial that others no longer waited for was one all the same.
        let succeeded = !failed && passed >= self.open_until;
        if self.open_until != Instant::ZERO && !trial && !succeeded {
            return false; // It passed before the breaker opened: old news.
        }
        if failed {
            self.failures = self.failures.saturating_add(1);
            if trial || self.failures >= rule.failures {
                self.open_until = now + nanos(rule.open_for).max(1);
                self.trial = Lease::default();
            }
            self.forgotten_at = self.open_until.max(now) + REMEMBERED;
        } else {
            *self = Self::default();
        }
        *self != before
    }

    /// Takes back a trial that came to no end: its prober went away.
    pub fn release(&mut self, token: u64) -> bool {
        self.trial.release(token)
    }

    /// How many failures it has seen in a row.
    pub fn failures(&self) -> u32 {
        self.failures
    }

    /// Until when no probe passes; 0 while it is closed.
    pub fn open_until(&self) -> Instant {
        self.open_until
    }

    /// The state as a gauge shows it.
    pub fn state(&self) -> BreakerState {
        match (self.open_until, self.trial.until()) {
            (Instant::ZERO, _) => BreakerState::Closed,
            (_, Instant::ZERO) => BreakerState::Open,
            _ => BreakerState::HalfOpen,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::time::Duration;
    #[cfg(all(target_arch = "wasm32", target_os = "unknown"))]
    use wasm_bindgen_test::wasm_bindgen_test as test;

    const SECOND: Nanos = 1_000_000_000;
    const NOW: Instant = Instant(1_000 * SECOND);
    const LEASE: Nanos = 3 * SECOND;

    fn rule() -> BreakerRule {
        BreakerRule { failures: 3, open_for: Duration::from_secs(5) }
    }

    fn opened() -> Breaker {
        let mut breaker = Breaker::default();
        for _ in 0..3 {
            assert_eq!(breaker.ask(NOW, 1, LEASE, false), Passage::Closed);
            breaker.record(&rule(), NOW, 1, NOW, true);
        }
        breaker
    }

    #[test]
    fn it_opens_after_so_many_failures_in_a_row() {
        let mut breaker = opened();
        assert_eq!(breaker.state(), BreakerState::Open);
        assert_eq!(breaker.ask(NOW + SECOND, 2, LEASE, false), Passage::Open(4 * SECOND));
    }

    #[test]
    fn a_success_in_between_begins_the_count_anew() {
        let mut breaker = Breaker::default();
        for failed in [true, true, false, true, true] {
            breaker.record(&rule(), NOW, 1, NOW, failed);
        }
        assert_eq!(breaker.state(), BreakerState::Closed);
    }

    #[test]
    fn when_its_time_is_over_exactly_one_trial_passes() {
        let mut breaker = opened();
        let later = NOW + 5 * SECOND;
        assert_eq!(breaker.ask(later, 7, LEASE, false), Passage::Trial);
        assert_eq!(breaker.state(), BreakerState::HalfOpen);
        assert_eq!(breaker.ask(later, 8, LEASE, false), Passage::HalfOpen);
        assert_eq!(breaker.ask(later + SECOND, 9, LEASE, false), Passage::HalfOpen);
    }

    #[test]
    fn the_trial_decides() {
        let later = NOW + 5 * SECOND;
        let mut breaker = opened();
        breaker.ask(later, 7, LEASE, false);
        assert!(breaker.record(&rule(), later, 7, later, false));
        assert_eq!(breaker, Breaker::default());

        let mut breaker = opened();
        breaker.ask(later, 7, LEASE, false);
        assert!(breaker.record(&rule(), later, 7, later, true));
        assert_eq!(breaker.ask(later + SECOND, 8, LEASE, false), Passage::Open(4 * SECOND));
    }

    #[test]
    fn a_probe_from_before_it_opened_decides_nothing() {
        let mut breaker = opened();
        assert!(!breaker.record(&rule(), NOW, 1, NOW, false));
        assert_eq!(breaker.state(), BreakerState::Open);
    }

    #[test]
    fn a_trial_that_comes_to_no_end_makes_room_for_another() {
        let later = NOW + 5 * SECOND;
        let mut breaker = opened();
        breaker.ask(later, 7, LEASE, false);
        assert!(!breaker.release(8));
        assert!(breaker.release(7));
        assert_eq!(breaker.ask(later, 9, LEASE, false), Passage::Trial);
        assert_eq!(breaker.ask(later + LEASE, 10, LEASE, false), Passage::Trial, "given up");
    }

    #[test]
    fn a_trial_that_may_hang_is_not_waited_for_and_gives_way_to_one_that_cant() {
        let later = NOW + 5 * SECOND;
        let mut breaker = opened();
        assert_eq!(breaker.ask(later, 7, LEASE, true), Passage::Trial);
        assert_eq!(breaker.ask(later, 8, LEASE, true), Passage::HalfOpen);
        assert_eq!(breaker.ask(later + SECOND, 9, LEASE, true), Passage::Trial);
        assert_eq!(breaker.ask(later + SECOND, 10, LEASE, false), Passage::Trial);
        assert_eq!(breaker.ask(later + SECOND, 11, LEASE, false), Passage::HalfOpen);
        assert_eq!(breaker.ask(later + 2 * SECOND, 12, LEASE, true), Passage::HalfOpen);
    }

    #[test]
    fn a_trial_that_nobody_waited_for_any_more_closes_it_and_doesnt_open_it() {
        let later = NOW + 5 * SECOND;
        let mut breaker = opened();
        breaker.ask(later, 7, LEASE, true);
        breaker.ask(later, 8, LEASE, false);
        assert!(!breaker.record(&rule(), later, 7, later, true));
        assert!(breaker.record(&rule(), later, 7, later, false));
        assert_eq!(breaker, Breaker::default());
        // But not where it was open anew in between.
        let mut breaker = opened();
        breaker.ask(later, 7, LEASE, true);
        breaker.ask(later, 8, LEASE, false);
        breaker.record(&rule(), later, 8, later, true);
        assert!(!breaker.record(&rule(), later + SECOND, 7, later, false));
    }

    #[test]
    fn it_survives_shared_data() {
        let mut breaker = opened();
        breaker.ask(NOW + 5 * SECOND, 7, LEASE, false);
        for state in [Breaker::default(), opened(), breaker] {
            let mut encoder = Encoder::default();
            state.encode(&mut encoder);
            let bytes = encoder.finish();
            assert_eq!(Breaker::decode(&mut Decoder::new(&bytes)), Some(state));
            assert_eq!(Breaker::decode(&mut Decoder::new(&bytes[..bytes.len() - 1])), None);
        }
    }
}
