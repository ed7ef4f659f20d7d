//! Tells a hub how an instance is: at once when that changes, and again and again as a beat.
//!
//! The events are those of `docs/mesh/events.md`.

mod answer;
mod event;
mod publisher;
pub mod rule;

pub use answer::PublishResult;
pub use publisher::Publisher;

use crate::base::metric::{CountersBy, Registry};

/// What came of all that was published, by the words of [`PublishResult`].
pub fn define(metrics: &mut Registry<'_>) -> CountersBy<PublishResult> {
    metrics.counters_by("result", "heartbeat_publish_total")
}
