//! Whom `allow` has refused lately, for those who look at what the proxy knows.
//!
//! The last of them stand in one value of shared data. Whom refused requests come from is
//! others' to choose, so all of it is bounded: how many stand there, how long each is, and how
//! often a worker writes.

use crate::base::time::Instant;
use crate::base::units::Rate;
use crate::state::{Bucket, Context, Decoder, Encoder, SharedStore, Version};
use std::cell::Cell;
use std::time::Duration;

/// How many are remembered.
const REMEMBERED: usize = 16;
/// How often a worker takes note of one in the long run, and how often at once.
const RATE: Rate = Rate { count: 4, per: Duration::from_secs(1) };
const AT_ONCE: u32 = 16;
/// How often it is tried again where another worker was faster.
const ATTEMPTS: usize = 8;
/// What the value means. A module makes nothing of one with another number.
const LAYOUT: u64 = 1;

/// Takes note of those whom `allow` refuses.
#[derive(Debug)]
pub struct Refusals {
    key: String,
    /// How many more this worker may take note of just now.
    allowance: Cell<Bucket>,
    /// How many it has passed over since it last took note of one.
    passed_over: Cell<u64>,
}

/// Somebody who was refused.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Refusal<'a> {
    /// Who, by which rule and why: in one form for all that are the same.
    pub who: &'a [u8],
    /// How often.
    pub times: u64,
    /// When last.
    pub at: Instant,
}

impl Refusals {
    /// What is remembered stands at `key`.
    pub fn new(key: String) -> Self {
        Self { key, allowance: Cell::default(), passed_over: Cell::default() }
    }

    /// Takes note of a refusal. `who`, which must be bounded, is only asked for where there
    /// were few lately.
    #[inline(never)]
    pub fn note(&self, cx: Context<'_, impl SharedStore>, who: impl FnOnce() -> Vec<u8>) {
        let mut allowance = self.allowance.get();
        let taken = allowance.take(RATE, AT_ONCE, cx.now);
        self.allowance.set(allowance);
        if taken.is_err() || !self.write(&who(), cx) {
            self.passed_over.set(self.passed_over.get().saturating_add(1));
        }
    }

    /// Puts it before all others. Who comes again and again takes no room from them.
    fn write(&self, who: &[u8], cx: Context<'_, impl SharedStore>) -> bool {
        for _ in 0..ATTEMPTS {
            let (before, version) =
                cx.store.read(&self.key).unwrap_or((Vec::new(), Version::ABSENT));
            let (passed_over, known) = parse(&before);
            let (mut others, mut times, mut count) = (Encoder::default(), 1, 1);
            for Refusal { who: other, times: often, at } in known {
                if other == who {
                    times = often.saturating_add(1);
                } else if count < REMEMBERED {
                    count += 1;
                    others.bytes(other).number(often).instant(at);
                }
            }
            let mut value = Encoder::default();
            value.number(LAYOUT).number(passed_over.saturating_add(self.passed_over.get()));
            value.bytes(who).number(times).instant(cx.now);
            let value = [value.finish(), others.finish()].concat();
            if cx.store.write(&self.key, &value, version) {
                self.passed_over.set(0);
                return true;
            }
        }
        false
    }

    /// Shows `see` those who were refused last, the latest first; tells how many refusals were
    /// passed over because they came too fast.
    pub fn look(&self, store: &impl SharedStore, see: &mut dyn FnMut(Refusal<'_>)) -> u64 {
        let value = store.read(&self.key).map(|(value, _)| value).unwrap_or_default();
        let (passed_over, refusals) = parse(&value);
        refusals.for_each(see);
        passed_over
    }
}

/// How many were passed over, and the others.
fn parse(value: &[u8]) -> (u64, impl Iterator<Item = Refusal<'_>>) {
    let mut from = Decoder::new(value);
    if from.number() != Some(LAYOUT) {
        from = Decoder::new(&[]);
    }
    let passed_over = from.number().unwrap_or_default();
    let refusals = std::iter::from_fn(move || {
        Some(Refusal { who: from.bytes()?, times: from.number()?, at: from.instant()? })
    });
    (passed_over, refusals)
}

#[cfg(test)]
mod tests;
