//! What was recorded.

use std::time::Duration;

use crate::metrics::Metrics;

/// Everything that a report is made from. All times count from its start.
#[derive(Clone, Debug, Default)]
pub struct Recording {
    /// What it is of.
    pub about: About,
    /// In the order of time.
    pub samples: Vec<Sample>,
    /// What was going on, in order; parts don't overlap.
    pub acts: Vec<Span>,
    /// While something was broken on purpose.
    pub faults: Vec<Span>,
}

/// What a recording is of.
#[derive(Clone, Debug, Default)]
pub struct About {
    /// The version of Envoy, as it gives it.
    pub envoy: String,
    /// The metrics of the `counters` in the filter's configuration.
    pub business: Vec<String>,
}

/// The metrics at one moment.
#[derive(Clone, Debug)]
pub struct Sample {
    /// When they came.
    pub at: Duration,
    /// The metrics.
    pub metrics: Metrics,
}

/// Something that lasted.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Span {
    /// What it was.
    pub name: String,
    /// When it began.
    pub from: Duration,
    /// When it ended.
    pub to: Duration,
}

impl Recording {
    /// How long it is.
    pub fn length(&self) -> Duration {
        let ends = self.acts.iter().chain(&self.faults).map(|span| span.to);
        ends.chain(self.samples.last().map(|sample| sample.at)).max().unwrap_or_default()
    }

    /// Whether the metric `name` was ever there; a histogram is by its buckets.
    pub fn has(&self, name: &str) -> bool {
        let buckets = format!("{name}_bucket");
        self.samples.iter().any(|Sample { metrics, .. }| {
            [name, &buckets].iter().any(|name| metrics.labelled(name).next().is_some())
        })
    }
}
