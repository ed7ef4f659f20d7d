//! What everything else rests on: time, quantities, outcomes and what a metric is.

pub mod environment;
pub mod jitter;
pub mod metric;
pub mod outcome;
pub mod signals;
pub mod time;
pub mod units;
