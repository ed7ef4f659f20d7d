//! What a metric is.
//!
//! A Proxy-Wasm metric has a name and no labels. Labels travel in the name, in
//! the form that Istio's own tag regexes and the `stats_tags` of
//! `envoy-config/static` turn back into labels: `label=.=value;.;` before the
//! name, once for each.

/// The number of a metric: its place in [`Policy::metrics`](crate::Policy::metrics).
pub type MetricIndex = usize;

/// A metric to be defined.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Metric {
    /// What it does.
    pub kind: MetricKind,
    /// Its stat name.
    pub name: String,
}

/// What a metric does.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum MetricKind {
    /// It only rises.
    Counter,
    /// It shows the present value.
    Gauge,
    /// It counts values by size.
    Histogram,
}

impl Metric {
    /// A counter with a name of its own.
    pub fn counter(name: impl Into<String>) -> Self {
        Self { kind: MetricKind::Counter, name: name.into() }
    }

    /// One series of a metric.
    #[inline(never)]
    pub fn labelled(kind: MetricKind, labels: &[(&str, &str)], name: &str) -> Self {
        let label = |(label, value): &(&str, &str)| [label, "=.=", value, ";.;"].concat();
        let labels: String = labels.iter().map(label).collect();
        Self { kind, name: labels + name }
    }
}
