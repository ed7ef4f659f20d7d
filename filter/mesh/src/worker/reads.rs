//! What is read: verdicts, topology, and what has changed.

use super::held::nothing_yet;
use super::{Worker, unchanged};
use crate::api::{self, Problem, Route, documents};
use crate::fusion::Claim;
use crate::snapshot::Entry;
use crate::snapshot::Snapshot;
use crate::table::ServiceId;
use heartbeat_common::http::edits::Reply;
use heartbeat_common::http::headers::CONTENT_TYPE;
use heartbeat_common::state::{Context, SharedStore, fingerprint};
use std::collections::HashSet;

impl Worker {
    /// Answers a GET of what is known.
    pub(super) fn read(
        &mut self,
        route: &Route,
        etag: Option<&[u8]>,
        cx: Context<'_, impl SharedStore>,
    ) -> Result<Reply, Problem> {
        self.copies.changes(&self.keys, cx).ok_or_else(nothing_yet)?;
        let now = cx.now;
        match route {
            Route::Instance(service, instance) => {
                let service = self.known_service(service)?;
                self.look(service, cx).ok_or_else(nothing_yet)?;
                let place = self.copies.place(service, instance);
                let snapshot = self.copies.read_snapshot(service).ok_or_else(nothing_yet)?;
                let entry = place.and_then(|place| snapshot.entry(place));
                let entry = entry.ok_or_else(|| Problem::new(404, "there is no such instance"))?;
                let tag = fingerprint(&(snapshot.head.service, Said(&entry)));
                let status = if entry.view.verdict.is_alive() { 200 } else { 503 };
                let body = || documents::instance(&entry, &snapshot.head, now);
                Ok(tagged(tag, etag, status, body))
            }
            Route::Service(service) => {
                let service = self.known_service(service)?;
                self.look(service, cx).ok_or_else(nothing_yet)?;
                let snapshot = self.copies.read_snapshot(service).ok_or_else(nothing_yet)?;
                let body = || documents::service(&snapshot, now);
                Ok(tagged(tag_of(&snapshot), etag, 200, body))
            }
            _ => {
                for service in 0..self.rule.owner.services.len() {
                    self.look(ServiceId(service), cx);
                }
                let all: Vec<_> = self.copies.read_snapshots().collect();
                let tags: Vec<u64> = all.iter().map(tag_of).collect();
                let body = || match (route, self.copies.read_changes()) {
                    (Route::Topology, Some(changes)) => {
                        documents::topology(changes.index(), &all, now)
                    }
                    _ => documents::services(&all, now),
                };
                Ok(tagged(fingerprint(tags.as_slice()), etag, 200, body))
            }
        }
    }

    fn known_service(&self, name: &str) -> Result<ServiceId, Problem> {
        self.rule.owner.service(name).ok_or_else(|| Problem::new(404, "there is no such service"))
    }

    /// Reads a service's snapshot where the copy is out of date.
    fn look(&mut self, service: ServiceId, cx: Context<'_, impl SharedStore>) -> Option<()> {
        self.copies.snapshot(service, &self.rule, &self.keys, cx).map(|_| ())
    }

    /// What has changed since an index; `None` where nothing has.
    pub(super) fn news(
        &mut self,
        service: Option<ServiceId>,
        index: Option<u64>,
        cx: Context<'_, impl SharedStore>,
    ) -> Option<Reply> {
        let present = self.copies.changes(&self.keys, cx)?.index();
        if index == Some(present) {
            return None;
        }
        for service in 0..self.rule.owner.services.len() {
            self.look(ServiceId(service), cx);
        }
        let name = service.and_then(|service| self.rule.owner.services.get(service.0));
        let name = name.map(|service| service.name.as_str());
        let wanted = |service: &str| name.is_none_or(|name| name == service);
        let changes = self.copies.read_changes()?;
        let Some(since) = index.and_then(|index| changes.since(index)) else {
            let all = self.copies.read_snapshots().filter(|it| wanted(it.head.service));
            let all: Vec<_> = all
                .flat_map(|snapshot| {
                    let service = snapshot.head.service;
                    let entries: Vec<_> = snapshot.entries().collect();
                    entries.into_iter().map(move |entry| (service, entry.view.id, Some(entry)))
                })
                .collect();
            return Some(api::json(200, documents::news(present, true, all.into_iter())));
        };
        let mut seen = HashSet::new();
        let since = since.filter(|(service, _)| wanted(service)).filter(|it| seen.insert(*it));
        let changed: Vec<_> =
            since.map(|(service, id)| (service, id, self.entry_of(service, id))).collect();
        (!changed.is_empty())
            .then(|| api::json(200, documents::news(present, false, changed.into_iter())))
    }

    fn entry_of(&self, service: &str, id: &str) -> Option<Entry<'_>> {
        let service = self.rule.owner.service(service)?;
        let place = self.copies.place(service, id)?;
        self.copies.read_snapshot(service)?.entry(place)
    }
}

/// What makes an instance's document another one: what is said, not how long ago.
struct Said<'a>(&'a Entry<'a>);

impl std::hash::Hash for Said<'_> {
    fn hash<H: std::hash::Hasher>(&self, state: &mut H) {
        let Entry { view, said, .. } = self.0;
        (view.id, view.verdict.word(), view.since).hash(state);
        for said in said {
            (said.source, said.claim < Claim::Draining, said.counts).hash(state);
        }
    }
}

fn tag_of(snapshot: &Snapshot<'_>) -> u64 {
    let said: Vec<u64> = snapshot.entries().map(|entry| fingerprint(&Said(&entry))).collect();
    fingerprint(&(snapshot.head.service, said))
}

/// A document with a weak validator (RFC 9110, section 8.8.1), or 304 for whoever has it.
fn tagged(tag: u64, etag: Option<&[u8]>, status: u16, body: impl FnOnce() -> Vec<u8>) -> Reply {
    let tag = format!("W/\"{tag:016x}\"");
    let known = |etag: &[u8]| {
        let mut known = etag.split(|byte| *byte == b',').map(<[u8]>::trim_ascii);
        known.any(|it| it == b"*" || it == tag.as_bytes())
    };
    // Of what isn't well it is the status that probers ask for.
    if status == 200 && etag.is_some_and(known) {
        return unchanged();
    }
    let headers = vec![(CONTENT_TYPE, b"application/json".to_vec()), ("etag", tag.into_bytes())];
    api::reply(status, headers, body())
}
