//! Chance that can be repeated.

use std::time::Duration;

/// splitmix64.
#[derive(Clone, Debug)]
pub struct Random(u64);

impl Random {
    /// What comes out of this seed.
    pub fn new(seed: u64) -> Self {
        Self(seed)
    }

    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut bits = self.0;
        bits = (bits ^ (bits >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        bits = (bits ^ (bits >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        bits ^ (bits >> 31)
    }

    /// A number below `end`.
    pub fn below(&mut self, end: u64) -> u64 {
        self.next() % end.max(1)
    }

    /// A time from the first on, shorter than the second, in milliseconds.
    pub fn pause(&mut self, from: u64, to: u64) -> Duration {
        let micros = (to.saturating_sub(from)) * 1_000;
        Duration::from_millis(from) + Duration::from_micros(self.below(micros))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_seed_repeats_itself_and_pauses_stay_within_bounds() {
        let draw = |seed| -> Vec<_> {
            let mut random = Random::new(seed);
            (0..50).map(|_| random.pause(5, 40)).collect()
        };
        assert_eq!(draw(7), draw(7));
        assert_ne!(draw(7), draw(8));
        let bounds = Duration::from_millis(5)..Duration::from_millis(40);
        assert!(draw(9).iter().all(|pause| bounds.contains(pause)));
    }
}
