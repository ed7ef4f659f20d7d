//! The axis of stability: how many answers are lost, and how much the time that
//! they take varies.

use super::{Axis, Sample, share};

/// The sources of answers: each check is one, and the ordinary requests are one.
#[derive(Debug)]
pub struct StabilityAxis {
    /// What was counted of each in the window.
    pub sources: Vec<Sample>,
    /// A source with fewer answers says nothing.
    pub min_volume: u64,
}

/// How many times longer or shorter than the typical answer others may take at no
/// cost: requests differ.
const TOLERATED: f64 = 4.0;

impl Axis for StabilityAxis {
    /// The mean of the sources that have something to say, so that a busy one can't
    /// hide that another is dead.
    fn read(&self) -> Option<f64> {
        let speaking = || self.sources.iter().filter(|source| source.asked >= self.min_volume);
        let count = speaking().filter(|source| source.asked > 0).count();
        let sum: f64 = speaking().map(stability).sum();
        (count > 0).then(|| sum / count as f64)
    }
}

/// `(1 − loss) × min(1, 4 / spread)`, where spread is the geometric standard
/// deviation of the latencies.
fn stability(source: &Sample) -> f64 {
    let kept = 1.0 - share(source.lost, source.asked);
    kept * (TOLERATED / source.spread()).min(1.0)
}
