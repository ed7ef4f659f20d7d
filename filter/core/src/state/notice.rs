//! Lines of the log that would come again with every request.

use super::{Cells, Lease, SharedStore, update};
use crate::time::Nanos;
use std::cell::Cell;

/// What a line of the log is about.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Notice {
    /// The application's answer is none that can be kept.
    NotKept,
    /// There is no room for all answers.
    AnswersFull,
    /// There is no room for all breakers.
    BreakersFull,
    /// There is no room for all clusters.
    ClustersFull,
}

/// Sees to it that of all workers one says a thing, and not again before a time.
#[derive(Debug)]
pub struct Notices {
    cells: Cells,
    /// When this worker asks next whether a thing was said, by what it is about.
    next: [Cell<Nanos>; 4],
}

impl Notices {
    /// Those at the keys of these cells.
    pub fn new(cells: Cells) -> Self {
        Self { cells, next: Default::default() }
    }

    /// Whether the caller is to say it. Nobody is again for `every` nanoseconds.
    #[inline(never)]
    pub fn is_due(
        &self,
        notice: Notice,
        every: Nanos,
        store: &impl SharedStore,
        now: Nanos,
    ) -> bool {
        let Some(next) = self.next.get(notice as usize) else { return false };
        // Under a storm most of those who ask are to read nothing.
        if next.get() > now {
            return false;
        }
        next.set(now.saturating_add(every));
        let cell = self.cells.scope(&[&[notice as u8]]);
        let claimed = update::<Lease, _>(store, &cell, now, |lease| {
            let free = !lease.is_held(now);
            if free {
                lease.grant(0, now, every);
            }
            (free, free)
        });
        claimed == Ok(true)
    }
}
