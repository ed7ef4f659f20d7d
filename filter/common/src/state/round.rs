//! What is done in rounds, once for all VMs of the process.

use super::{Cell, Change, Context, Decoder, Encoder, SharedStore, State, UpdateError, update};
use crate::base::time::{Instant, Nanos};

/// When the next round is due.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Round {
    due: Instant,
}

/// So long after a round was due, in nanoseconds, somebody has begun the next one.
const LATEST: Nanos = 60_000_000_000;

impl Round {
    /// The next one is due then.
    pub fn due_at(due: Instant) -> Self {
        Self { due }
    }

    /// When the next one is due.
    pub fn due(self) -> Instant {
        self.due
    }

    /// Whether the caller is to begin the round that is due, and nobody else. The
    /// next one is due in an `interval`, and `sooner` by some jitter: then the
    /// rounds of many proxies don't come in step, and each still knows in time.
    pub fn claim(&mut self, interval: Nanos, sooner: Nanos, now: Instant) -> bool {
        if self.due > now {
            return false;
        }
        // A tick comes a little late; the pace doesn't slow down by that.
        let begun = if now.since(self.due) < interval / 10 { self.due } else { now };
        self.due = begun + interval.saturating_sub(sooner);
        true
    }

    /// Has the next one begin sooner.
    pub fn hurry(&mut self, due: Instant) {
        self.due = self.due.min(due);
    }

    /// [Claims](Self::claim) the round that is due of all VMs of the process: whether it
    /// is this one's, and when the next is due.
    ///
    /// # Errors
    /// It could not be written.
    pub fn claim_of_all(
        cell: &Cell,
        interval: Nanos,
        sooner: Nanos,
        cx: Context<'_, impl SharedStore>,
    ) -> Result<(bool, Instant), UpdateError> {
        update::<Self, _>(cx, cell, |round| {
            let claimed = round.claim(interval, sooner, cx.now);
            Change::write_if(claimed, (claimed, round.due()))
        })
    }

    /// Has the next round of all VMs of the process begin sooner.
    ///
    /// # Errors
    /// It could not be written.
    pub fn hurry_all(
        cell: &Cell,
        due: Instant,
        cx: Context<'_, impl SharedStore>,
    ) -> Result<(), UpdateError> {
        update::<Self, _>(cx, cell, |round| {
            round.hurry(due);
            Change::Write(())
        })
    }
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
