//! `limit`: a token bucket, shared by all workers.

use crate::base::units::Rate;

/// A limit on the rate of probes.
#[derive(Debug, PartialEq, Eq, Hash)]
pub struct LimitRule {
    /// How many in the long run.
    pub rate: Rate,
    /// How many at once; as many as `rate` counts unless told otherwise.
    pub burst: u32,
    /// What becomes of the rest.
    pub on_limit: OnLimit,
}

/// What becomes of a probe beyond the limit.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum OnLimit {
    /// It gets the last known answer, and is rejected where none is known.
    LastVerdict,
    /// It is rejected.
    Reject,
}
