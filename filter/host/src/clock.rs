//! The two clocks.
#![allow(unsafe_code)] // Calling the host is what this file is for.

use crate::imports::*;
use heartbeat_common::base::time::{Instant, WallTime};

/// The monotonic clock: one for the process, whatever becomes of wall time.
pub fn now() -> Instant {
    let mut time = 0;
    // SAFETY: the output outlives the call; it stays 0 where the host refuses.
    unsafe { clock_time_get(CLOCK_MONOTONIC, 0, &mut time) };
    Instant(time)
}

/// Wall time.
pub fn wall_time() -> WallTime {
    let mut time = 0;
    // SAFETY: the output outlives the call; it stays 0 where the host refuses.
    unsafe { proxy_get_current_time_nanoseconds(&mut time) };
    WallTime(time)
}
