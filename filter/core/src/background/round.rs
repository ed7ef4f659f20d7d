//! The rounds of a poll, which all VMs of the process share.

use crate::base::time::{Instant, Nanos};
use crate::state::{
    Cell, Change, Context, Decoder, Encoder, SharedStore, State, UpdateError, update,
};

/// When a poll is to be asked next.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Round {
    due: Instant,
}

impl Round {
    /// When the next round is due.
    pub(super) fn due(self) -> Instant {
        self.due
    }

    /// Whether the caller is to begin the round that is due, and nobody else. The
    /// next one is due in an `interval`, and `sooner` by some jitter: then the
    /// polls of many proxies don't come in step, and each still knows in time.
    pub(super) fn claim(&mut self, interval: Nanos, sooner: Nanos, now: Instant) -> bool {
        if self.due > now {
            return false;
        }
        // A tick comes a little late; the pace doesn't slow down by that.
        let begun = if now.since(self.due) < interval / 10 { self.due } else { now };
        self.due = begun + interval.saturating_sub(sooner);
        true
    }

    /// Has the next round begin sooner.
    pub(super) fn hurry(&mut self, due: Instant) {
        self.due = self.due.min(due);
    }
}

/// So long after a round was due, in nanoseconds, somebody has begun the next one.
const LATEST: Nanos = 60_000_000_000;

/// Claims the round that is due, for this VM and nobody else: whether it is this one's,
/// and when the next is due. See [`Round::claim`].
///
/// # Errors
/// It could not be written.
pub(super) fn claim(
    cx: Context<'_, impl SharedStore>,
    cell: &Cell,
    interval: Nanos,
    sooner: Nanos,
) -> Result<(bool, Instant), UpdateError> {
    update::<Round, _>(cx, cell, |round| {
        let claimed = round.claim(interval, sooner, cx.now);
        Change::write_if(claimed, (claimed, round.due()))
    })
}

impl State for Round {
    /// It is waited for beyond the moment that it is due, by whoever is late.
    fn expires(&self) -> Instant {
        self.due + LATEST
    }

    fn encode(&self, to: &mut Encoder) {
        to.instant(self.due);
    }

    fn decode(from: &mut Decoder<'_>) -> Option<Self> {
        Some(Self { due: from.instant()? })
    }
}
