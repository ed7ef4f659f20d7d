//! Copies of what the owner has handed out.

use super::rule::WorkerRule;
use crate::assignment::Assignment;
use crate::changes::LastChanges;
use crate::shared::Keys;
use crate::snapshot::Snapshot;
use crate::table::ServiceId;
use heartbeat_common::base::time::{Instant, Nanos};
use heartbeat_common::state::{Context, SharedStore};
use std::collections::HashMap;

/// How old a copy may be that nobody has said is out of date: the owner refreshes what is
/// known as often.
const OLD: Nanos = 1_000_000_000;
/// For how long after somebody has read them snapshots are kept as fresh as that.
const LATELY: Nanos = 10_000_000_000;

/// A copy of a value in shared data.
#[derive(Debug, Default)]
struct Copy {
    value: Option<Vec<u8>>,
    read_at: Option<Instant>,
}

impl Copy {
    fn read(&mut self, key: impl FnOnce() -> String, cx: Context<'_, impl SharedStore>) -> &[u8] {
        if self.read_at.is_none() {
            self.value = cx.store.read(&key()).map(|(value, _)| value);
            self.read_at = Some(cx.now);
        }
        self.value.as_deref().unwrap_or_default()
    }

    fn forget(&mut self) {
        self.read_at = None;
    }

    /// Says whether it is too old by now.
    fn grow_old(&mut self, now: Instant) -> bool {
        self.read_at.take_if(|read| now.since(*read) >= OLD).is_some()
    }
}

/// Where the instances of a service stand in its snapshot.
#[derive(Debug, Default)]
struct Places {
    members: Option<u64>,
    by_id: HashMap<String, usize>,
}

/// The copies of a worker.
#[derive(Debug)]
pub struct Copies {
    assignments: Vec<Copy>,
    snapshots: Vec<(Copy, Places)>,
    /// When somebody last wanted to know what is known of instances.
    wanted_at: Option<Instant>,
    changes: Copy,
}

impl Copies {
    /// None yet, of so many services.
    pub fn new(services: usize) -> Self {
        Self {
            assignments: (0..services).map(|_| Copy::default()).collect(),
            snapshots: (0..services).map(|_| Default::default()).collect(),
            wanted_at: None,
            changes: Copy::default(),
        }
    }

    /// The assignment of a service, version and document.
    pub fn assignment(
        &mut self,
        service: ServiceId,
        rule: &WorkerRule,
        keys: &Keys,
        cx: Context<'_, impl SharedStore>,
    ) -> Option<(&str, &[u8])> {
        let name = &rule.owner.services.get(service.0)?.name;
        let copy = self.assignments.get_mut(service.0)?;
        Assignment::read(copy.read(|| keys.assignment(name), cx))
    }

    /// What is known of a service.
    pub fn snapshot(
        &mut self,
        service: ServiceId,
        rule: &WorkerRule,
        keys: &Keys,
        cx: Context<'_, impl SharedStore>,
    ) -> Option<Snapshot<'_>> {
        let name = &rule.owner.services.get(service.0)?.name;
        self.wanted_at = Some(cx.now);
        let (copy, places) = self.snapshots.get_mut(service.0)?;
        let snapshot = Snapshot::read(copy.read(|| keys.snapshot(name), cx))?;
        if places.members != Some(snapshot.head.members) {
            let by_id = snapshot.ids().map(str::to_owned).zip(0..);
            *places = Places { members: Some(snapshot.head.members), by_id: by_id.collect() };
        }
        Some(snapshot)
    }

    /// Whether somebody has read of late what is known of instances.
    pub fn are_read(&self, now: Instant) -> bool {
        self.wanted_at.is_some_and(|wanted| now.since(wanted) < LATELY)
    }

    /// Where an instance stands in the snapshot that was read last.
    pub fn place(&self, service: ServiceId, id: &str) -> Option<usize> {
        self.snapshots.get(service.0)?.1.by_id.get(id).copied()
    }

    /// What is known of all services, as it was read last.
    pub fn read_snapshots(&self) -> impl Iterator<Item = Snapshot<'_>> {
        self.snapshots.iter().filter_map(|(copy, _)| Snapshot::read(copy.value.as_deref()?))
    }

    /// What is known of a service, as it was read last.
    pub fn read_snapshot(&self, service: ServiceId) -> Option<Snapshot<'_>> {
        Snapshot::read(self.snapshots.get(service.0)?.0.value.as_deref()?)
    }

    /// What has changed of late; `None` where nothing was published yet.
    pub fn changes(
        &mut self,
        keys: &Keys,
        cx: Context<'_, impl SharedStore>,
    ) -> Option<LastChanges<'_>> {
        LastChanges::read(self.changes.read(|| keys.changes(), cx))
    }

    /// The same, as it was read last.
    pub fn read_changes(&self) -> Option<LastChanges<'_>> {
        LastChanges::read(self.changes.value.as_deref()?)
    }

    /// The assignment of a service is another.
    pub fn assignment_changed(&mut self, service: ServiceId) {
        self.assignments.get_mut(service.0).into_iter().for_each(Copy::forget);
    }

    /// What is known has changed.
    pub fn all_changed(&mut self) {
        self.changes.forget();
        self.snapshots.iter_mut().for_each(|(copy, _)| copy.forget());
    }

    /// Forgets what is too old to be relied on; tells of which assignments that is so.
    pub fn grow_old(&mut self, now: Instant) -> Vec<ServiceId> {
        let snapshots = self.snapshots.iter_mut().map(|(copy, _)| copy);
        snapshots.for_each(|copy| {
            copy.grow_old(now);
        });
        let assignments = self.assignments.iter_mut().enumerate();
        let old = assignments.filter_map(|(number, copy)| copy.grow_old(now).then_some(number));
        old.map(ServiceId).collect()
    }

    /// The same of what has changed of late.
    pub fn changes_grow_old(&mut self, now: Instant) -> bool {
        self.changes.grow_old(now)
    }
}
