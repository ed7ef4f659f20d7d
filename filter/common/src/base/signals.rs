//! What is to be shown to people.

use super::metric::{CounterId, GaugeId, Measurement};

/// What is to be shown to people.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct Signals {
    /// Counters to raise by one.
    pub raise: Vec<CounterId>,
    /// Gauges to set.
    pub set: Vec<(GaugeId, u64)>,
    /// Lines for the log, as warnings.
    pub log: Vec<String>,
}

impl Signals {
    /// Whether there is nothing to show.
    pub fn is_empty(&self) -> bool {
        let Self { raise, set, log } = self;
        raise.is_empty() && set.is_empty() && log.is_empty()
    }

    /// What metrics take of it.
    pub fn measurements(&self) -> impl Iterator<Item = Measurement> {
        let raised = self.raise.iter().map(|counter| Measurement::Add(*counter, 1));
        raised.chain(self.set.iter().map(|(gauge, value)| Measurement::Set(*gauge, *value)))
    }
}
