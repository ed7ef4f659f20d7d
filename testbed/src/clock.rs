//! The machine's clock: unlike [`std::time::Instant`] it means the same to another process.

use std::time::Duration;

use rustix::time::{ClockId, clock_gettime};

/// The time since a moment that is the same for every process, and never steps back.
pub fn now() -> Duration {
    let now = clock_gettime(ClockId::Monotonic);
    let part = |part| u64::try_from(part).unwrap_or_default();
    Duration::from_secs(part(now.tv_sec)) + Duration::from_nanos(part(now.tv_nsec))
}
