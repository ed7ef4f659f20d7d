//! The series of configurations, by the metrics that they belong to.

use std::collections::{BTreeMap, BTreeSet};

use heartbeat_core::base::metric::{Metric, MetricKind};

use crate::series::Series;

/// Metrics by their names.
#[derive(Debug, Default)]
pub struct Catalogue(BTreeMap<String, Entry>);

/// A metric.
#[derive(Debug)]
pub struct Entry {
    /// What it does.
    pub kind: MetricKind,
    /// Its series, by their labels.
    pub series: BTreeSet<BTreeMap<String, String>>,
}

impl Catalogue {
    /// Adds what a configuration defines. Two may define the same.
    pub fn add(&mut self, metrics: &[Metric]) {
        for metric in metrics {
            let Series { name, labels } = metric.into();
            let kind = metric.kind;
            let entry =
                self.0.entry(name).or_insert_with(|| Entry { kind, series: BTreeSet::new() });
            entry.series.insert(labels);
        }
    }

    /// The metrics, by name.
    pub fn entries(&self) -> impl Iterator<Item = (&str, &Entry)> {
        self.0.iter().map(|(name, entry)| (name.as_str(), entry))
    }

    /// All labels.
    pub fn labels(&self) -> BTreeSet<&str> {
        let series = self.0.values().flat_map(|entry| &entry.series);
        series.flat_map(BTreeMap::keys).map(String::as_str).collect()
    }
}

impl Entry {
    /// The values of each of its labels.
    pub fn values(&self) -> BTreeMap<&str, BTreeSet<&str>> {
        let mut values: BTreeMap<&str, BTreeSet<&str>> = BTreeMap::new();
        for (label, value) in self.series.iter().flatten() {
            values.entry(label).or_default().insert(value);
        }
        values
    }

    /// Its type, as Prometheus calls it.
    pub fn kind(&self) -> &'static str {
        match self.kind {
            MetricKind::Counter => "counter",
            MetricKind::Gauge => "gauge",
            MetricKind::Histogram => "histogram",
        }
    }
}
