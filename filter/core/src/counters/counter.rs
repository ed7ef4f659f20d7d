//! Custom counters: what a request that is over adds to them.

use crate::base::metric::{CustomSeries, Measurement, MetricKind, Registry};
use crate::base::time::rounded_ms;
use crate::base::units::parse_rounded;
use crate::counters::rule::{CounterRule, Label, LabelSource, ValueSource, When};
use crate::http::completed::Completed;
use crate::http::request::{Ending, without_query};
use crate::matching::rule::PathMatch;

/// The value of a label that stands for all that aren't listed, and for none.
pub const OTHER: &str = "other";

/// The largest value that is recorded: Prometheus counts in floating-point numbers,
/// which hold every whole number up to here.
const LARGEST: u64 = 1 << 53;

/// A counter and where its series are.
#[derive(Debug)]
pub struct Counter {
    rule: CounterRule,
    /// The last label's value changes from one to the next, and `other` is the last of
    /// each label's.
    series: CustomSeries,
}

impl Counter {
    /// Compiles a rule and defines its series.
    pub fn compile(rule: CounterRule, metrics: &mut Registry<'_>) -> Self {
        let series = metrics.custom(rule.kind, |metrics| define(&rule, &rule.labels, metrics));
        Self { rule, series }
    }

    /// What it asks of the path.
    pub fn path(&self) -> &PathMatch {
        &self.rule.when.request.path
    }

    /// What a request adds: to which series, and how much. `None` where it has no
    /// say, or nothing to say.
    pub fn record<'a, E: Ending>(&'a self, completed: &Completed<'a, E>) -> Option<Measurement> {
        if !self.rule.when.holds(completed) {
            return None;
        }
        let value = match &self.rule.value {
            None => 1,
            Some(source) => source.read(completed)?,
        };
        // A counter that is raised by nothing is an error to Envoy.
        let tells = value > 0 || self.rule.kind != MetricKind::Counter;
        let place = place(&self.rule.labels, completed);
        (tells && value <= LARGEST).then(|| self.series.take(place, value))
    }
}

/// Defines the series that differ in these labels, the last ones of the rule.
fn define(rule: &CounterRule, labels: &[Label], metrics: &mut Registry<'_>) {
    let Some((label, labels)) = labels.split_first() else {
        return metrics.series(rule.kind, &rule.name);
    };
    for value in label.values.iter().map(String::as_str).chain([OTHER]) {
        define(rule, labels, &mut metrics.labelled(&label.name, value));
    }
}

/// The place of a request's series among all of its counter's.
fn place<'a, E: Ending>(labels: &'a [Label], completed: &Completed<'a, E>) -> usize {
    labels.iter().fold(0, |place, label| {
        let value = label.source.read(completed).unwrap_or_default();
        let known = label.values.iter().position(|known| known.as_bytes() == value);
        place * (label.values.len() + 1) + known.unwrap_or(label.values.len())
    })
}

impl LabelSource {
    fn read<'a, E: Ending>(&'a self, completed: &Completed<'a, E>) -> Option<Vec<u8>> {
        match self {
            Self::RequestHeader(name) => completed.request_header(name),
            Self::ResponseHeader(name) => completed.response_header(name),
            Self::Cluster => completed.cluster(),
            Self::Route => completed.route(),
            Self::Method => completed.method(),
            Self::StatusClass => {
                completed.status().map(|status| format!("{}xx", status / 100).into())
            }
        }
    }
}

impl ValueSource {
    fn read<'a, E: Ending>(&'a self, completed: &Completed<'a, E>) -> Option<u64> {
        match self {
            Self::DurationMs => completed.duration().map(rounded_ms),
            Self::RequestBytes => completed.request_bytes(),
            Self::ResponseBytes => completed.response_bytes(),
            Self::ResponseHeader(name) => parse_rounded(&completed.response_header(name)?),
        }
    }
}

impl When {
    /// Whether a request counts. What tells most requests apart at the least cost
    /// comes first: a header that isn't there costs next to nothing.
    fn holds<'a, E: Ending>(&'a self, completed: &Completed<'a, E>) -> bool {
        let Self { request, status, response_headers, grpc_status } = self;
        let (requests, responses) = (completed.request_headers(), completed.response_headers());
        request.headers.iter().all(|matcher| matcher.matches(&requests))
            && (request.methods.is_empty()
                || completed.method().is_some_and(|method| {
                    request.methods.iter().any(|known| known.as_bytes() == method)
                }))
            && (request.path == PathMatch::Any
                || completed.target().is_some_and(|it| request.path.matches(without_query(it))))
            && (status.is_empty()
                || completed.status().is_some_and(|it| status.iter().any(|of| of.matches(it))))
            && response_headers.iter().all(|matcher| matcher.matches(&responses))
            && (grpc_status.is_empty()
                || completed.grpc_status().is_some_and(|it| grpc_status.contains(&it)))
    }
}

#[cfg(test)]
mod tests;
