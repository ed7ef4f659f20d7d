//! Numbers that spread moments.

/// Numbers that spread moments: xorshift, 64 bits
/// (<https://www.jstatsoft.org/article/view/v008i14>).
#[derive(Debug)]
pub struct Jitter(u64);

impl Jitter {
    /// Other numbers for every seed.
    pub fn new(seed: u64) -> Self {
        Self(seed | 1) // It must not be 0.
    }

    /// A number below `limit`; 0 where that is 0.
    pub fn below(&mut self, limit: u64) -> u64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        self.0.checked_rem(limit).unwrap_or_default()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    #[cfg(all(target_arch = "wasm32", target_os = "unknown"))]
    use wasm_bindgen_test::wasm_bindgen_test as test;

    #[test]
    fn numbers_stay_below_their_limit_and_differ() {
        for seed in [0, 1, u64::MAX] {
            let mut jitter = Jitter::new(seed);
            let numbers: Vec<u64> = (0..1_000).map(|_| jitter.below(100)).collect();
            assert!(numbers.iter().all(|number| *number < 100));
            let low = numbers.iter().filter(|number| **number < 50).count();
            assert!((400..=600).contains(&low), "{seed}: {low}");
        }
    }

    #[test]
    fn below_nothing_there_is_nothing() {
        assert_eq!(Jitter::new(7).below(0), 0);
    }
}
