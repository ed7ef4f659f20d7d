//! Verdicts that change, for those who are to be told.

use super::OwnerRule;
use crate::fusion::Verdict;
use crate::snapshot::Entry;
use crate::table::{ServiceId, SourceId, Table};
use crate::webhook::{Change, Says};
use heartbeat_common::base::time::{Instant, WallClock, WallTime};
use std::collections::HashMap;
use std::mem;
use std::rc::Rc;

/// What was told last, and what is to be told.
#[derive(Debug)]
pub struct News {
    /// The verdicts that are known, by service and instance: their places, as a map of numbers
    /// costs the module nothing more.
    known: Vec<HashMap<String, usize>>,
    /// What is found from now on is news.
    has_begun: bool,
    id: u64,
    changes: Vec<Rc<Change>>,
}

impl News {
    /// What stands in the table is known, as an owner before this one has told it. `wall` is
    /// wall time: so the ids of later owners are greater.
    pub fn of(table: &Table, services: usize, wall: WallTime, now: Instant) -> Self {
        let verdicts = |service| {
            let views = table.views(ServiceId(service), now);
            let views = views.filter(|view| view.verdict != Verdict::Unknown);
            views.map(|view| (view.id.to_owned(), view.verdict as usize)).collect()
        };
        let known = (0..services).map(verdicts).collect();
        Self { known, has_begun: false, id: wall.0 / 1_000, changes: Vec::new() }
    }

    /// The owner has listened long enough. Whoever is alive by then is no news.
    pub fn begin(&mut self, table: &Table, rule: &OwnerRule, clock: &WallClock, now: Instant) {
        if mem::replace(&mut self.has_begun, true) {
            return;
        }
        for number in 0..self.known.len() {
            let service = ServiceId(number);
            for view in table.views(service, now) {
                if view.verdict == Verdict::Alive
                    && let Some(known) = self.known.get_mut(number)
                    && !known.contains_key(view.id)
                {
                    known.insert(view.id.to_owned(), view.verdict as usize);
                } else {
                    self.note(table, rule, clock, service, view.id, now);
                }
            }
        }
    }

    /// Something of an instance is another.
    pub fn note(
        &mut self,
        table: &Table,
        rule: &OwnerRule,
        clock: &WallClock,
        service: ServiceId,
        id: &str,
        now: Instant,
    ) {
        let Some(known) = self.known.get_mut(service.0).filter(|_| self.has_begun) else { return };
        let entry = table.entry(service, id, now);
        let verdict = entry.as_ref().map(|entry| entry.view.verdict);
        let previous = known.get(id).and_then(|place| Verdict::ALL.get(*place)).copied();
        if verdict == previous {
            return;
        }
        match verdict {
            Some(verdict) => known.insert(id.to_owned(), verdict as usize),
            None => known.remove(id),
        };
        let previous = previous.unwrap_or_default();
        if verdict == Some(previous) {
            return;
        }
        let Some(name) = rule.services.get(service.0).map(|service| &service.name) else { return };
        let view = entry.as_ref().map(|entry| &entry.view);
        let since = view.map_or(now, |view| view.since);
        let times = (clock.at(since).0, clock.at(now.max(since)).0);
        let says = entry.as_ref().map(|entry| says(entry, table, rule, now)).unwrap_or_default();
        self.id += 1;
        let change = Change::new(self.id, (name, id), view, previous, says, times);
        self.changes.push(Rc::new(change));
    }

    /// What is to be told since the last call.
    pub fn take(&mut self) -> Vec<Rc<Change>> {
        mem::take(&mut self.changes)
    }
}

/// What the sources say of an instance that still counts.
fn says<'a>(entry: &Entry<'_>, table: &Table, rule: &'a OwnerRule, now: Instant) -> Vec<Says<'a>> {
    let said = entry.said.iter().filter(|said| said.counts);
    let said = said.filter_map(|said| {
        let source = rule.sources.get(said.source)?;
        Some(Says::new(&source.name, said.claim, table.trust(SourceId(said.source), now)))
    });
    said.collect()
}
