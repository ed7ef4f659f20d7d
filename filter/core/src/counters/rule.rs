//! What is counted.

use crate::base::metric::MetricKind;
use crate::matching::header::HeaderMatcher;
use crate::matching::rule::HttpMatch;
use crate::matching::status::StatusPattern;

/// A metric of the owner's own.
#[derive(Debug, PartialEq, Eq)]
pub struct CounterRule {
    /// The metric's name, as Prometheus shows it.
    pub name: String,
    /// What the metric does with a value.
    pub kind: MetricKind,
    /// The value that a request has; `None` is 1.
    pub value: Option<ValueSource>,
    /// Which requests have a say.
    pub when: When,
    /// What the metric is divided by.
    pub labels: Vec<Label>,
}

/// Where a request's value is from.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ValueSource {
    /// From its first byte to the end of the answer, in milliseconds.
    DurationMs,
    /// The bytes of its body.
    RequestBytes,
    /// The bytes of the answer's body.
    ResponseBytes,
    /// A number in a header of the response, by the header's name.
    ResponseHeader(String),
}

impl CounterRule {
    /// How many series it has: one for each combination of its labels' values, with
    /// `other` among them.
    pub fn series(&self) -> usize {
        series_of(&self.labels)
    }
}

/// What a counter is divided by.
#[derive(Debug, PartialEq, Eq)]
pub struct Label {
    /// The label's name, as Prometheus shows it.
    pub name: String,
    /// Where a request's value is from.
    pub source: LabelSource,
    /// The values that are told apart; all others are [`OTHER`](crate::counters::counter::OTHER).
    pub values: Vec<String>,
}

/// Where a request's value is from.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum LabelSource {
    /// A header of the request, by its name.
    RequestHeader(String),
    /// A header of the response, by its name.
    ResponseHeader(String),
    /// The upstream cluster that the route leads to.
    Cluster,
    /// The route.
    Route,
    /// The method.
    Method,
    /// The class of the HTTP status, such as `2xx`.
    StatusClass,
}

/// How many series labels make: one for each combination of their values, with `other`
/// among them.
pub(crate) fn series_of(labels: &[Label]) -> usize {
    labels.iter().fold(1, |count, label| count.saturating_mul(label.values.len() + 1))
}

/// Which requests have a say: all conditions must hold.
#[derive(Debug, PartialEq, Eq)]
pub struct When {
    /// Conditions on the request.
    pub request: HttpMatch,
    /// The statuses of the response, one of which must be its; empty means any.
    pub status: Vec<StatusPattern>,
    /// Conditions on the response's headers.
    pub response_headers: Vec<HeaderMatcher>,
    /// The gRPC statuses, one of which must be the call's; empty means any.
    pub grpc_status: Vec<u32>,
}
