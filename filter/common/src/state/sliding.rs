//! Sums over the last while, which all workers add to.

use crate::base::time::{Instant, nanos};
use crate::state::{Decoder, Encoder, State};
use std::time::Duration;

/// Into how many slots a window is cut.
const SLOTS: u64 = 10;

/// What can be summed up, as numbers. Counts are whole numbers far below 2⁵³, which
/// a float holds exactly.
pub trait Sums {
    /// Its numbers.
    fn to_numbers(&self) -> Vec<f64>;

    /// From its numbers; those that aren't there are 0.
    fn of_numbers(numbers: &[f64]) -> Self;

    /// The two of them together.
    #[must_use]
    fn and(&self, other: &Self) -> Self
    where
        Self: Sized,
    {
        let mut sums = self.to_numbers();
        add(&mut sums, &other.to_numbers());
        Self::of_numbers(&sums)
    }
}

/// A count among numbers.
pub fn count_at(numbers: &[f64], place: usize) -> u64 {
    numbers.get(place).map_or(0, |count| *count as u64)
}

fn add(sums: &mut Vec<f64>, more: &[f64]) {
    sums.resize(sums.len().max(more.len()), 0.0);
    sums.iter_mut().zip(more).for_each(|(sum, more)| *sum += more);
}

/// What was counted in the last while, in slots by the time.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Sliding {
    /// The slots that hold something, by their number since the clock began.
    slots: Vec<(u64, Vec<f64>)>,
    /// When all of it is too old.
    until: Instant,
}

/// The slot that a moment is in, counted since the clock began.
fn slot_at(window: Duration, moment: Instant) -> u64 {
    moment.0 / (nanos(window) / SLOTS).max(1)
}

/// Whether a slot belongs to a window. It may lie a little ahead, where another
/// worker has read the clock later.
fn is_recent(window: Duration, slot: u64, now: Instant) -> bool {
    slot_at(window, now).saturating_sub(slot) < SLOTS
}

impl Sliding {
    /// Adds what was counted just now.
    pub fn add(&mut self, window: Duration, sums: &impl Sums, now: Instant) {
        self.add_numbers(window, &sums.to_numbers(), now);
    }

    /// The same of their numbers.
    pub fn add_numbers(&mut self, window: Duration, numbers: &[f64], now: Instant) {
        let present = slot_at(window, now);
        self.slots.retain(|(slot, _)| is_recent(window, *slot, now));
        self.until = now + nanos(window);
        match self.slots.iter_mut().find(|(slot, _)| *slot == present) {
            Some((_, counted)) => add(counted, numbers),
            None => self.slots.push((present, numbers.to_vec())),
        }
    }

    /// All that it holds.
    pub fn total<S: Sums>(&self, window: Duration, now: Instant) -> S {
        S::of_numbers(&self.numbers(window, now))
    }

    fn numbers(&self, window: Duration, now: Instant) -> Vec<f64> {
        let mut total = Vec::new();
        let recent = self.slots.iter().filter(|(slot, _)| is_recent(window, *slot, now));
        recent.for_each(|(_, counted)| add(&mut total, counted));
        total
    }
}

impl State for Sliding {
    fn expires(&self) -> Instant {
        self.until
    }

    fn encode(&self, to: &mut Encoder) {
        to.instant(self.until).number(self.slots.len() as u64);
        for (slot, numbers) in &self.slots {
            to.number(*slot).number(numbers.len() as u64);
            for number in numbers {
                to.number(number.to_bits());
            }
        }
    }

    fn decode(from: &mut Decoder<'_>) -> Option<Self> {
        let (until, length) = (from.instant()?, from.number()?);
        let slots = (0..length).map(|_| {
            let (slot, length) = (from.number()?, from.number()?);
            let numbers = (0..length).map(|_| from.number().map(f64::from_bits));
            Some((slot, numbers.collect::<Option<_>>()?))
        });
        Some(Self { slots: slots.collect::<Option<_>>()?, until })
    }
}
