//! What has changed of late, for those who follow.

use crate::fusion::Verdict;
use crate::table::ServiceId;
use std::collections::VecDeque;

/// How many changes are remembered: whoever has missed more begins anew.
const REMEMBERED: usize = 4_096;

/// A verdict that is another than before.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Change {
    /// The service.
    pub service: ServiceId,
    /// Its instance.
    pub instance: String,
    /// The verdict that it has from now on; `None` where it is gone.
    pub verdict: Option<Verdict>,
}

/// The last changes, each with the index that a follower knows when it knows this.
#[derive(Debug)]
pub struct Changes {
    /// The index before the first that is remembered.
    before: u64,
    last: VecDeque<Change>,
}

impl Changes {
    /// Nothing has changed yet. `begun` is wall time in microseconds since the Unix epoch:
    /// indices of an earlier run are smaller than any of this one, and all of them stay
    /// below 2⁵³, which is as far as JSON's numbers go for many readers.
    pub fn begin(begun: u64) -> Self {
        Self { before: begun, last: VecDeque::new() }
    }

    /// The index of the last change.
    pub fn index(&self) -> u64 {
        self.before + self.last.len() as u64
    }

    /// Takes note of a change.
    pub fn note(&mut self, change: Change) {
        self.last.push_back(change);
        if self.last.len() > REMEMBERED {
            self.last.pop_front();
            self.before += 1;
        }
    }

    /// What has changed since an index; `None` where that isn't known, or not any more,
    /// and the follower has to begin anew.
    pub fn since(&self, index: u64) -> Option<impl Iterator<Item = &Change>> {
        let known = usize::try_from(index.checked_sub(self.before)?).ok()?;
        (known <= self.last.len()).then(|| self.last.iter().skip(known))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    const BEGUN: u64 = 1_790_000_000_000_000;

    fn change(number: usize) -> Change {
        let verdict = Some(Verdict::Dead);
        Change { service: ServiceId(0), instance: number.to_string(), verdict }
    }

    fn after(count: usize) -> Changes {
        let mut changes = Changes::begin(BEGUN);
        (0..count).for_each(|number| changes.note(change(number)));
        changes
    }

    #[test]
    fn a_follower_gets_what_it_has_missed() {
        let changes = after(3);
        let missed = |index| changes.since(index).map(Iterator::count);
        assert_eq!([0, 1, 2, 3].map(|it| missed(BEGUN + it)), [Some(3), Some(2), Some(1), Some(0)]);
    }

    #[test]
    fn whoever_knows_another_run_or_too_little_begins_anew() {
        let changes = after(REMEMBERED + 10);
        for index in [0, 7, BEGUN - 1, BEGUN + 9, changes.index() + 1, u64::MAX] {
            assert!(changes.since(index).is_none(), "{index}");
        }
        assert!(changes.since(BEGUN + 10).is_some());
        assert!(changes.index() < 1 << 53);
    }

    proptest! {
        #[test]
        fn nothing_is_lost_between_two_looks(first in 0..5_000_usize, then in 0..5_000_usize) {
            let mut changes = after(first);
            let index = changes.index();
            (first..first + then).for_each(|number| changes.note(change(number)));
            if let Some(missed) = changes.since(index) {
                let missed: Vec<_> = missed.map(|it| it.instance.clone()).collect();
                let all: Vec<_> = (first..first + then).map(|it| it.to_string()).collect();
                prop_assert_eq!(missed, all);
            } else {
                prop_assert!(then > REMEMBERED);
            }
        }
    }
}
