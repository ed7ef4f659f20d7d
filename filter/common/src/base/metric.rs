//! What a metric is, how it is defined, and what it takes.
//!
//! A Proxy-Wasm metric has a name and no labels. Labels travel in the name, in
//! the form that Istio's own tag regexes and the `stats_tags` of
//! `envoy-config/static` turn back into labels: `label=.=value;.;` before the
//! name, once for each.

use std::marker::PhantomData;

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

/// Where a mark stands last.
#[inline(never)]
fn last(text: &[u8], mark: &[u8; 3]) -> Option<usize> {
    text.windows(3).rposition(|part| part == mark)
}

/// A counter of a [`Registry`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct CounterId(usize);

impl CounterId {
    /// Its place among the metrics that were defined, in their order.
    pub fn place(self) -> usize {
        self.0
    }
}

impl Metric {
    /// The value of its last label; empty where it has none.
    pub fn last_label(&self) -> &str {
        let value = || {
            let end = last(self.name.as_bytes(), b";.;")?;
            let start = last(self.name.as_bytes().get(..end)?, b"=.=")?;
            self.name.get(start + 3..end)
        };
        value().unwrap_or_default()
    }
}

/// A gauge of a [`Registry`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct GaugeId(usize);

impl GaugeId {
    /// Its place among the metrics that were defined, in their order.
    pub fn place(self) -> usize {
        self.0
    }
}

/// A histogram of a [`Registry`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct HistogramId(usize);

/// One counter for each value of a label.
#[derive(Clone, Copy, Debug)]
pub struct CountersBy<L> {
    first: CounterId,
    label: PhantomData<L>,
}

/// What can be the value of a label: an enum without fields, numbered from 0.
pub trait LabelValue: Copy + 'static {
    /// All values, in the order of their numbers.
    const VALUES: &'static [Self];

    /// Its number.
    fn number(self) -> usize;

    /// Its word in metrics.
    fn word(self) -> &'static str;
}

impl<L: LabelValue> CountersBy<L> {
    /// The counter of one value.
    pub fn of(self, value: L) -> CounterId {
        CounterId(self.first.0 + value.number())
    }

    /// All of them, in the order of their values.
    pub fn all(self) -> std::ops::Range<usize> {
        self.first.0..self.first.0 + L::VALUES.len()
    }
}

/// The series of a metric whose kind and labels the configuration names.
#[derive(Clone, Copy, Debug)]
pub struct CustomSeries {
    kind: MetricKind,
    first: usize,
}

impl CustomSeries {
    /// Has the series at this place among them take a value.
    pub fn take(self, place: usize, value: u64) -> Measurement {
        let metric = self.first + place;
        match self.kind {
            MetricKind::Counter => Measurement::Add(CounterId(metric), value),
            MetricKind::Gauge => Measurement::Set(GaugeId(metric), value),
            MetricKind::Histogram => Measurement::Observe(HistogramId(metric), value),
        }
    }
}

/// What a metric takes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Measurement {
    /// A counter rises by so much.
    Add(CounterId, u64),
    /// A gauge shows this from now on.
    Set(GaugeId, u64),
    /// A histogram counts a value of this size.
    Observe(HistogramId, u64),
}

impl Measurement {
    /// The place of its metric among those that were defined, in their order.
    pub fn metric(self) -> usize {
        let (Self::Add(CounterId(metric), _)
        | Self::Set(GaugeId(metric), _)
        | Self::Observe(HistogramId(metric), _)) = self;
        metric
    }
}

/// Where features define their metrics, and get what they measure by.
#[derive(Debug)]
pub struct Registry<'a> {
    metrics: &'a mut Vec<Metric>,
    /// The labels of all metrics that are defined by it, as they stand before a name.
    labels: String,
}

impl<'a> Registry<'a> {
    /// Appends to `metrics`, which are to be defined in their order.
    pub fn new(metrics: &'a mut Vec<Metric>) -> Self {
        Self { metrics, labels: String::new() }
    }

    /// The same with one more label.
    #[inline(never)]
    pub fn labelled(&mut self, label: &str, value: &str) -> Registry<'_> {
        let labels = [&self.labels, label, "=.=", value, ";.;"].concat();
        Registry { metrics: self.metrics, labels }
    }

    /// Defines a counter.
    pub fn counter(&mut self, name: &str) -> CounterId {
        CounterId(self.define(MetricKind::Counter, name))
    }

    /// Defines a gauge.
    pub fn gauge(&mut self, name: &str) -> GaugeId {
        GaugeId(self.define(MetricKind::Gauge, name))
    }

    /// Defines a histogram.
    pub fn histogram(&mut self, name: &str) -> HistogramId {
        HistogramId(self.define(MetricKind::Histogram, name))
    }

    /// Defines a counter for each value of one more label.
    pub fn counters_by<L: LabelValue>(&mut self, label: &str, name: &str) -> CountersBy<L> {
        let first = CounterId(self.metrics.len());
        for value in L::VALUES {
            self.labelled(label, value.word()).counter(name);
        }
        CountersBy { first, label: PhantomData }
    }

    /// Has `define` define the series of a metric of this kind.
    pub fn custom(&mut self, kind: MetricKind, define: impl FnOnce(&mut Self)) -> CustomSeries {
        let first = self.metrics.len();
        define(self);
        CustomSeries { kind, first }
    }

    /// Defines one of the series that [`Registry::custom`] is about.
    pub fn series(&mut self, kind: MetricKind, name: &str) {
        self.define(kind, name);
    }

    #[inline(never)]
    fn define(&mut self, kind: MetricKind, name: &str) -> usize {
        let place = self.metrics.len();
        self.metrics.push(Metric { kind, name: [&self.labels, name].concat() });
        place
    }
}
