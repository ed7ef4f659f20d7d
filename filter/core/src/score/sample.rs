//! What is counted of answers.

use crate::base::time::Nanos;
use crate::state::sliding::{Sums, count_at};

/// What was counted of one source of answers.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Sample {
    /// How often it was asked.
    pub asked: u64,
    /// How often it failed to answer, or answered with a failure.
    pub lost: u64,
    /// How many answers were timed.
    timed: u64,
    /// The sum of the logarithms of their times, and the sum of their squares: all
    /// that a geometric standard deviation needs.
    logarithms: f64,
    squares: f64,
}

/// Below a millisecond the time says more of the machine than of what was asked.
const SHORTEST: Nanos = 1_000_000;

impl Sample {
    /// One answer that took so many nanoseconds.
    pub fn answered(took: Nanos) -> Self {
        let logarithm = (took.max(SHORTEST) as f64 / SHORTEST as f64).ln();
        Self { asked: 1, lost: 0, timed: 1, logarithms: logarithm, squares: logarithm * logarithm }
    }

    /// One answer whose time says nothing.
    pub fn untimed() -> Self {
        Self { asked: 1, ..Self::default() }
    }

    /// One answer that didn't come, or was a failure.
    pub fn lost() -> Self {
        Self { asked: 1, lost: 1, ..Self::default() }
    }

    /// The geometric standard deviation of the times: by what factor they typically
    /// lie off the typical one. 1 where they don't.
    pub fn spread(&self) -> f64 {
        if self.timed == 0 {
            return 1.0;
        }
        let count = self.timed as f64;
        let mean = self.logarithms / count;
        // Rounding may leave a little less than nothing.
        (self.squares / count - mean * mean).max(0.0).sqrt().exp()
    }
}

impl Sums for Sample {
    fn to_numbers(&self) -> Vec<f64> {
        let [asked, lost, timed] = [self.asked, self.lost, self.timed].map(|count| count as f64);
        vec![asked, lost, timed, self.logarithms, self.squares]
    }

    fn of_numbers(numbers: &[f64]) -> Self {
        let float_at = |place: usize| numbers.get(place).copied().unwrap_or_default();
        Self {
            asked: count_at(numbers, 0),
            lost: count_at(numbers, 1),
            timed: count_at(numbers, 2),
            logarithms: float_at(3),
            squares: float_at(4),
        }
    }
}

/// What was counted of ordinary requests.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Live {
    /// Their answers.
    pub answers: Sample,
    /// Those whose connection was looked at.
    pub looked_at: u64,
    /// Those of them whose connection was as expected.
    pub as_expected: u64,
}

impl Sums for Live {
    fn to_numbers(&self) -> Vec<f64> {
        let mut numbers = vec![self.looked_at as f64, self.as_expected as f64];
        numbers.extend(self.answers.to_numbers());
        numbers
    }

    fn of_numbers(numbers: &[f64]) -> Self {
        Self {
            looked_at: count_at(numbers, 0),
            as_expected: count_at(numbers, 1),
            answers: Sample::of_numbers(numbers.get(2..).unwrap_or_default()),
        }
    }
}
