//! What is to be shown to people.

use super::metric::MetricIndex;

/// What is to be shown to people.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct Signals {
    /// Counters to raise by one.
    pub raise: Vec<MetricIndex>,
    /// Gauges to set.
    pub set: Vec<(MetricIndex, u64)>,
    /// Lines for the log, as warnings.
    pub log: Vec<String>,
}

impl Signals {
    /// Whether there is nothing to show.
    pub fn is_empty(&self) -> bool {
        let Self { raise, set, log } = self;
        raise.is_empty() && set.is_empty() && log.is_empty()
    }
}
