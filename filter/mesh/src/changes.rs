//! What has changed of late, for those who follow.

use crate::pack::{Packer, Unpacker};
use std::collections::VecDeque;

/// How many changes are remembered: whoever has missed more begins anew.
const REMEMBERED: usize = 4_096;

/// The last changes, each with the index that a follower knows when it knows this.
#[derive(Debug)]
pub struct Changes {
    /// The index before the first that is remembered.
    before: u64,
    /// Service and instance.
    last: VecDeque<(String, String)>,
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

    /// Takes note of a change: something of an instance is another, or it is gone.
    pub fn note(&mut self, service: String, instance: String) {
        self.last.push_back((service, instance));
        if self.last.len() > REMEMBERED {
            self.last.pop_front();
            self.before += 1;
        }
    }

    /// What is handed to the workers.
    pub fn write(&self) -> Vec<u8> {
        let mut bytes = Packer::with_capacity(32 + 48 * self.last.len());
        bytes.number(self.before);
        bytes.word(self.last.len());
        let mut body = Packer::with_capacity(44 * self.last.len());
        for (service, instance) in &self.last {
            bytes.word(body.len());
            body.text(service);
            body.text(instance);
        }
        let mut bytes = bytes.finish();
        bytes.extend_from_slice(&body.finish());
        bytes
    }
}

/// The last changes, as a worker reads them.
#[derive(Clone, Debug)]
pub struct LastChanges<'a> {
    before: u64,
    count: usize,
    /// Where each begins.
    starts: &'a [u8],
    body: &'a [u8],
}

impl<'a> LastChanges<'a> {
    /// Begins to read; `None` where it isn't what [`Changes::write`] has written.
    pub fn read(bytes: &'a [u8]) -> Option<Self> {
        let mut bytes = Unpacker::new(bytes);
        let (before, count) = (bytes.number()?, bytes.word()?);
        let (starts, body) = bytes.left().split_at_checked(count.checked_mul(4)?)?;
        Some(Self { before, count, starts, body })
    }

    /// The index of the last change.
    pub fn index(&self) -> u64 {
        self.before.saturating_add(self.count as u64)
    }

    /// What has changed since an index, service and instance; `None` where that isn't known,
    /// or not any more, and the follower has to begin anew.
    pub fn since(&self, index: u64) -> Option<impl Iterator<Item = (&'a str, &'a str)> + use<'a>> {
        let known = usize::try_from(index.checked_sub(self.before)?).ok()?;
        let missed = self.count.checked_sub(known)?;
        let start = self.starts.get(known * 4..).and_then(|starts| Unpacker::new(starts).word());
        let body = start.and_then(|start| self.body.get(start..)).unwrap_or_default();
        let mut bytes = Unpacker::new(body);
        Some((0..missed).map_while(move |_| Some((bytes.text()?, bytes.text()?))))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    const BEGUN: u64 = 1_790_000_000_000_000;

    fn note(changes: &mut Changes, number: usize) {
        changes.note("payments".into(), number.to_string());
    }

    fn after(count: usize) -> Changes {
        let mut changes = Changes::begin(BEGUN);
        (0..count).for_each(|number| note(&mut changes, number));
        changes
    }

    fn missed(changes: &Changes, index: u64) -> Option<Vec<String>> {
        let bytes = changes.write();
        let read = LastChanges::read(&bytes).unwrap();
        assert_eq!(read.index(), changes.index());
        Some(read.since(index)?.map(|(_, instance)| instance.to_owned()).collect())
    }

    #[test]
    fn a_follower_gets_what_it_has_missed() {
        let changes = after(3);
        let count = |index| missed(&changes, index).map(|it| it.len());
        assert_eq!([0, 1, 2, 3].map(|it| count(BEGUN + it)), [Some(3), Some(2), Some(1), Some(0)]);
    }

    #[test]
    fn whoever_knows_another_run_or_too_little_begins_anew() {
        let changes = after(REMEMBERED + 10);
        for index in [0, 7, BEGUN - 1, BEGUN + 9, changes.index() + 1, u64::MAX] {
            assert!(missed(&changes, index).is_none(), "{index}");
        }
        assert!(missed(&changes, BEGUN + 10).is_some());
        assert!(changes.index() < 1 << 53);
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(32))]
        #[test]
        fn nothing_is_lost_between_two_looks(first in 0..5_000_usize, then in 0..5_000_usize) {
            let mut changes = after(first);
            let index = changes.index();
            (first..first + then).for_each(|number| note(&mut changes, number));
            if let Some(missed) = missed(&changes, index) {
                let all: Vec<_> = (first..first + then).map(|it| it.to_string()).collect();
                prop_assert_eq!(missed, all);
            } else {
                prop_assert!(then > REMEMBERED);
            }
        }

        #[test]
        fn bytes_that_are_none_are_read_without_harm(bytes in proptest::collection::vec(any::<u8>(), 0..100), index in any::<u64>()) {
            if let Some(read) = LastChanges::read(&bytes) {
                let since = read.since(index).map(Iterator::count);
                prop_assert!(since.is_none_or(|since| since <= bytes.len()));
            }
        }
    }
}
