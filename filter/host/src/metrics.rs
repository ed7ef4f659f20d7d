//! Envoy's metrics.
#![allow(unsafe_code)] // Calling the host is what this file is for.

use crate::abi::{MetricType, Status};
use crate::imports::*;
use heartbeat_common::base::metric::{Measurement, Metric, MetricKind};

/// A metric that Envoy knows.
#[derive(Clone, Copy)]
pub struct MetricId(u32);

/// Defines a metric; one that is known already keeps its value.
pub fn define(metric: &Metric) -> Option<MetricId> {
    let kind = match metric.kind {
        MetricKind::Counter => MetricType::Counter,
        MetricKind::Gauge => MetricType::Gauge,
        MetricKind::Histogram => MetricType::Histogram,
    };
    let mut id = 0;
    // SAFETY: the slice and the output outlive the call.
    let status =
        unsafe { proxy_define_metric(kind, metric.name.as_ptr(), metric.name.len(), &mut id) };
    (status == Status::OK).then_some(MetricId(id))
}

/// Raises a counter by a value.
pub fn increment(counter: MetricId, value: u64) {
    // SAFETY: passes plain numbers.
    unsafe { proxy_increment_metric(counter.0, value.cast_signed()) };
}

/// Sets a gauge to a value, or has a histogram count it.
fn record(metric: MetricId, value: u64) {
    // SAFETY: passes plain numbers.
    unsafe { proxy_record_metric(metric.0, value) };
}

/// The metrics of a configuration, as Envoy knows them.
pub struct DefinedMetrics {
    /// In the order in which they were defined; `None` where Envoy refused one.
    ids: Vec<Option<MetricId>>,
}

impl DefinedMetrics {
    /// Defines all of them.
    pub fn define(metrics: &[Metric]) -> Self {
        Self { ids: metrics.iter().map(define).collect() }
    }

    /// What the counter or gauge at this place shows, for all workers.
    pub fn value(&self, place: usize) -> Option<u64> {
        let id = self.ids.get(place).copied().flatten()?;
        let mut value = 0;
        // SAFETY: the output outlives the call.
        let status = unsafe { proxy_get_metric(id.0, &mut value) };
        (status == Status::OK).then_some(value)
    }

    /// Has one of them take a value.
    pub fn record(&self, measurement: Measurement) {
        let Some(Some(id)) = self.ids.get(measurement.metric()) else { return };
        match measurement {
            Measurement::Add(_, value) => increment(*id, value),
            Measurement::Set(_, value) | Measurement::Observe(_, value) => record(*id, value),
        }
    }
}
