//! The fields of an event before they are held against the rules.

use super::Refused;
use std::borrow::Cow;

/// What was read, whatever it is worth.
#[derive(Debug, Default)]
pub struct Raw<'a> {
    pub instance_id: Option<Cow<'a, str>>,
    pub timestamp_ns: Option<u64>,
    pub probe_method: Option<Cow<'a, str>>,
    pub latency_p95_ms: Option<f64>,
    pub connection_established: Option<bool>,
    pub http_status_code: Option<u64>,
    pub status: Option<Cow<'a, str>>,
    pub service: Option<Cow<'a, str>>,
    pub error_rate: Option<f64>,
    pub source: Option<Cow<'a, str>>,
    pub address: Option<Cow<'a, str>>,
    /// Region, zone and sub-zone.
    pub locality: [Cow<'a, str>; 3],
    pub priority: Option<u64>,
    pub weight: Option<u64>,
    /// The first field that is of another type than it must be.
    pub wrong_type: Option<Refused>,
    /// How many fields nobody knows.
    pub ignored: usize,
}
