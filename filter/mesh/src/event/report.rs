//! What a source reports.

use crate::fusion::Claim;

/// What a source reports of an instance.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Report {
    /// Orders the reports of one source about one instance; nothing else is made of it.
    pub stamp: u64,
    /// What it says.
    pub claim: Claim,
    /// Its 95th percentile of latency, in milliseconds.
    pub latency_ms: Option<f32>,
    /// The share of failed requests, from 0 to 1.
    pub error_rate: Option<f32>,
}
