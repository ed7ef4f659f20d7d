//! Lines of the log that would come again with every request.

use super::{Cell as StateCell, Change, Context, Lease, SharedStore, update};
use crate::base::time::{Instant, Nanos};
use std::cell::Cell;

/// Beyond the life of any process, and leaves room to tell when it began.
const FOREVER: Nanos = Nanos::MAX / 2;

/// Sees to it that of all workers one says a thing, and not again before a time.
#[derive(Debug, Default)]
pub struct Notice {
    /// When this worker asks next whether it was said.
    next: Cell<Instant>,
}

impl Notice {
    /// Whether the caller is to say it, which `cell` tells to all workers. Nobody is
    /// again for `every` nanoseconds.
    #[inline(never)]
    pub fn is_due(
        &self,
        cell: &StateCell,
        every: Nanos,
        cx: Context<'_, impl SharedStore>,
    ) -> bool {
        // Under a storm most of those who ask are to read nothing.
        if self.next.get() > cx.now {
            return false;
        }
        self.next.set(cx.now + every);
        let claimed = update::<Lease, _>(cx, cell, |lease| {
            let free = !lease.is_held(cx.now);
            if free {
                lease.grant(0, cx.now, every);
            }
            Change::write_if(free, free)
        });
        claimed == Ok(true)
    }

    /// Whether the caller is to say that something is as `now` says, which it wasn't when any
    /// worker said so last; before that, it is 0.
    #[inline(never)]
    pub fn of_change(cell: &StateCell, now: u64, cx: Context<'_, impl SharedStore>) -> bool {
        let changed = update::<Lease, _>(cx, cell, |told| {
            let first = !told.is_held(cx.now) && now == 0;
            let changed = !first && !told.belongs_to(now);
            told.grant(now, cx.now, FOREVER);
            Change::write_if(changed, changed)
        });
        // Where it can't be written nobody would know it for the first.
        changed == Ok(true)
    }

    /// What any worker has said last, and since when it is so; `None` before that.
    pub fn last_change(
        cell: &StateCell,
        cx: Context<'_, impl SharedStore>,
    ) -> Option<(u64, Instant)> {
        let (told, until) = cell.read::<Lease>(cx.store).holder()?;
        let since = until - FOREVER;
        (since <= cx.now).then_some((told, since))
    }
}
