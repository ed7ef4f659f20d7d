//! Calls that are looked at when they may be overdue.

use crate::dispatch::{self, StreamId};
use crate::host;
use crate::plugin::Plugin;
use heartbeat_core::base::time::Instant;
use std::cell::RefCell;
use std::time::Duration;

/// When it looks whether any is due, once there is one.
const SOON: Duration = Duration::from_millis(5);
/// How often a worker looks at most.
const EVERY: Duration = Duration::from_millis(50);
/// How many calls it answers at once: as for those that wait (see [`crate::waiting`]).
const BATCH: usize = 32;

/// When which stream may be overdue. Most of them are over by then, and known no more.
#[derive(Default)]
pub struct Bounds(RefCell<Vec<(Instant, StreamId)>>);

impl Bounds {
    /// Has a stream looked at then.
    pub fn add(&self, until: Instant, stream: StreamId) {
        let Ok(mut streams) = self.0.try_borrow_mut() else { return };
        if streams.is_empty() {
            host::tick_every(Some(SOON));
        }
        streams.push((until, stream));
    }

    /// Has a stream looked at no more: mostly the last one that was added.
    pub fn remove(&self, stream: StreamId) {
        let Ok(mut streams) = self.0.try_borrow_mut() else { return };
        if let Some(place) = streams.iter().rposition(|(_, known)| *known == stream) {
            streams.swap_remove(place);
        }
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.0.try_borrow().is_ok_and(|streams| streams.is_empty())
    }

    /// When to look where there was no time for it.
    pub fn soon(&self) -> Option<Duration> {
        (!self.is_empty()).then_some(SOON)
    }

    /// Looks at the streams that may be overdue, and says when to do so again.
    pub fn look(&self, plugin: &Plugin, now: Instant) -> Option<Duration> {
        let mut due = Vec::new();
        {
            let mut streams = self.0.try_borrow_mut().ok()?;
            if streams.is_empty() {
                return None;
            }
            streams.retain(|&(until, stream)| {
                let keep = until > now || due.len() == BATCH;
                if !keep && let Some(stream) = dispatch::stream(stream) {
                    due.push(stream);
                }
                keep
            });
        }
        for stream in due {
            if let Some(Some(until)) =
                host::on_behalf_of(stream.id, plugin.root, || stream.on_overdue(now))
            {
                self.add(until, stream.id);
            }
        }
        let next = self.0.try_borrow().ok()?.iter().map(|(until, _)| *until).min()?;
        Some(EVERY.max(Duration::from_nanos(next.since(now))))
    }
}
