//! Limits on a rate, shared by all workers: a token bucket.

use super::{Decoder, Encoder, State};
use crate::base::time::{Instant, Nanos};
use crate::base::units::Rate;

/// The bucket, told by the time at which it will be full again: every token
/// moves that time one interval further (the generic cell rate algorithm), so
/// that one number is all there is to agree on.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Bucket {
    full_at: Instant,
}

impl State for Bucket {
    fn encode(&self, to: &mut Encoder) {
        to.instant(self.full_at);
    }

    fn decode(from: &mut Decoder<'_>) -> Option<Self> {
        Some(Self { full_at: from.instant()? })
    }

    /// One that is full is like any new one.
    fn expires(&self) -> Instant {
        self.full_at
    }
}

impl Bucket {
    /// Takes a token; where there is none, the error says for how many
    /// nanoseconds there won't be one.
    ///
    /// # Errors
    /// The bucket is empty.
    pub fn take(&mut self, rate: Rate, burst: u32, now: Instant) -> Result<(), Nanos> {
        let interval = interval(rate);
        let latest = now + interval.saturating_mul(u64::from(burst));
        let full_at = self.full_at.max(now) + interval;
        let over = full_at.since(latest);
        if over > 0 {
            return Err(over);
        }
        self.full_at = full_at;
        Ok(())
    }

    /// Takes some tokens at once, of a bucket that holds as many as come within the rate's
    /// time: one where few are left, and up to [`AHEAD`](Self::AHEAD) where there are plenty.
    /// Tells how many; 0 where there is none.
    pub fn take_ahead(&mut self, rate: Rate, now: Instant) -> u32 {
        let interval = interval(rate);
        let latest = now + interval.saturating_mul(u64::from(rate.count));
        let left = latest.since(self.full_at.max(now)) / interval;
        let taken = (left / Self::PLENTY).clamp(1, u64::from(Self::AHEAD)).min(left);
        self.full_at = self.full_at.max(now) + interval.saturating_mul(taken);
        taken as u32
    }

    /// How many tokens may be taken ahead.
    pub const AHEAD: u32 = 8;
    /// Of how many that are left one may be.
    const PLENTY: u64 = 32;
}

/// Nanoseconds per token.
fn interval(rate: Rate) -> u64 {
    let per = u64::try_from(rate.per.as_nanos()).unwrap_or(u64::MAX);
    per.checked_div(u64::from(rate.count)).unwrap_or(u64::MAX).max(1)
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::time::Duration;
    #[cfg(all(target_arch = "wasm32", target_os = "unknown"))]
    use wasm_bindgen_test::wasm_bindgen_test as test;

    const SECOND: Nanos = 1_000_000_000;
    const NOW: Instant = Instant(1_000 * SECOND);

    fn rate(count: u32) -> Rate {
        Rate { count, per: Duration::from_secs(1) }
    }

    #[test]
    fn a_full_bucket_lets_a_burst_pass_and_no_more() {
        let mut bucket = Bucket::default();
        let passed = (0..100).filter(|_| bucket.take(rate(50), 10, NOW).is_ok()).count();
        assert_eq!(passed, 10);
    }

    #[test]
    fn tokens_are_taken_ahead_only_where_there_are_plenty() {
        let mut bucket = Bucket::default();
        assert_eq!(bucket.take_ahead(rate(500), NOW), Bucket::AHEAD);
        let mut taken: Vec<_> =
            std::iter::from_fn(|| Some(bucket.take_ahead(rate(500), NOW)).filter(|it| *it > 0))
                .collect();
        assert_eq!(taken.iter().sum::<u32>(), 500 - Bucket::AHEAD, "all are there to be taken");
        assert!(taken.is_sorted_by(|before, after| before >= after));
        assert_eq!(taken.split_off(taken.len() - 32), [1; 32], "the last one by one");
        assert_eq!(bucket.take_ahead(rate(500), NOW + SECOND / 500), 1);
        assert_eq!(Bucket::default().take_ahead(rate(0), NOW), 0);
    }

    #[test]
    fn over_time_the_rate_holds() {
        for (count, burst) in [(50, 10), (1, 1), (7, 3), (1_000, 1)] {
            let mut bucket = Bucket::default();
            let passed = (0..20_000)
                .filter(|step| bucket.take(rate(count), burst, NOW + step * SECOND / 1_000).is_ok())
                .count();
            let most = 20 * count as usize + burst as usize;
            assert!(passed <= most && passed + 1 + burst as usize >= most, "{count}/s: {passed}");
        }
    }

    #[test]
    fn an_empty_bucket_says_when_to_come_back() {
        let mut bucket = Bucket::default();
        assert_eq!(bucket.take(rate(2), 1, NOW), Ok(()));
        assert_eq!(bucket.take(rate(2), 1, NOW + SECOND / 10), Err(SECOND / 2 - SECOND / 10));
        assert_eq!(bucket.take(rate(2), 1, NOW + SECOND / 2), Ok(()));
    }

    #[test]
    fn what_is_rejected_costs_nothing() {
        let mut bucket = Bucket::default();
        assert!(bucket.take(rate(1), 1, NOW).is_ok());
        let before = bucket;
        assert!(bucket.take(rate(1), 1, NOW).is_err());
        assert_eq!(bucket, before);
    }
}
