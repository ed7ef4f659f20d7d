//! Custom counters.

pub mod counter;
pub mod rule;
