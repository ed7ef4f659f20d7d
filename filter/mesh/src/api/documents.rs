//! The documents that people and programs read.

use super::written;
use crate::fusion::{Claim, Verdict};
use crate::snapshot::{Entry, Location};
use crate::snapshot::{Head, Snapshot};
use heartbeat_common::base::time::Instant;
use serde::Serialize;
use std::net::SocketAddr;

/// An instance: the verdict, and who says what.
#[derive(Serialize)]
struct Instance<'a> {
    id: &'a str,
    alive: bool,
    verdict: &'static str,
    latency_ms: Option<f32>,
    error_rate: Option<f32>,
    confidence: f32,
    since_ns: u64,
    sources: Vec<Source<'a>>,
}

#[derive(Serialize)]
struct Source<'a> {
    name: &'a str,
    alive: bool,
    fresh: bool,
    age_ms: u64,
    trust: f32,
}

#[derive(Serialize)]
struct Service<'a> {
    service: &'a str,
    instances: Vec<Instance<'a>>,
}

#[derive(Serialize)]
struct Services<'a> {
    services: Vec<Service<'a>>,
}

/// What a follower is told.
#[derive(Serialize)]
struct News<'a> {
    index: u64,
    reset: bool,
    changes: Vec<Change<'a>>,
}

#[derive(Serialize)]
struct Change<'a> {
    service: &'a str,
    instance: &'a str,
    verdict: Option<&'static str>,
    #[serde(flatten)]
    known: Option<Known<'a>>,
}

#[derive(Serialize)]
struct Known<'a> {
    own: Option<&'static str>,
    alive: bool,
    latency_ms: Option<f32>,
    error_rate: Option<f32>,
    address: SocketAddr,
    locality: Locality<'a>,
    priority: u32,
    weight: u32,
}

#[derive(Serialize)]
struct Locality<'a> {
    region: &'a str,
    zone: &'a str,
    sub_zone: &'a str,
}

/// Thousandths as a share of 1.
fn share(thousandths: u16) -> f32 {
    f32::from(thousandths) / 1_000.0
}

impl<'a> Instance<'a> {
    fn of(entry: &Entry<'a>, head: &Head<'a>, now: Instant) -> Self {
        let view = &entry.view;
        let sources = entry.said.iter().filter_map(|said| {
            let (name, trust) = head.sources.get(said.source)?;
            Some(Source {
                name,
                alive: said.claim < Claim::Draining,
                fresh: said.counts,
                age_ms: now.since(said.at) / 1_000_000,
                trust: share(*trust),
            })
        });
        Self {
            id: view.id,
            alive: view.verdict.is_alive(),
            verdict: view.verdict.word(),
            latency_ms: view.latency_ms,
            error_rate: view.error_rate,
            confidence: share(view.confidence),
            since_ns: head.wall(view.since).0,
            sources: sources.collect(),
        }
    }
}

impl<'a> Service<'a> {
    fn of(snapshot: &Snapshot<'a>, now: Instant) -> Self {
        let head = &snapshot.head;
        let instances = snapshot.entries().map(|entry| Instance::of(&entry, head, now));
        Self { service: head.service, instances: instances.collect() }
    }
}

/// `GET /mesh/v1/health/{service}/{instance}`.
pub fn instance(entry: &Entry<'_>, head: &Head<'_>, now: Instant) -> Vec<u8> {
    written(&Instance::of(entry, head, now))
}

/// `GET /mesh/v1/health/{service}`.
pub fn service(snapshot: &Snapshot<'_>, now: Instant) -> Vec<u8> {
    written(&Service::of(snapshot, now))
}

/// `GET /mesh/v1/health`, and `GET /mesh/v1/topology`: service × source × instance.
pub fn services<'a>(snapshots: impl Iterator<Item = Snapshot<'a>>, now: Instant) -> Vec<u8> {
    let services = snapshots.map(|snapshot| Service::of(&snapshot, now)).collect();
    written(&Services { services })
}

/// `GET /mesh/v1/health/subscribe`: what is known of each instance that has changed; `None`
/// of one that is gone.
pub fn news<'a>(
    index: u64,
    reset: bool,
    changes: impl Iterator<Item = (&'a str, &'a str, Option<Entry<'a>>)>,
) -> Vec<u8> {
    let change = |(service, instance, entry): (&'a str, &'a str, Option<Entry<'a>>)| Change {
        service,
        instance,
        verdict: entry.as_ref().map(|entry| entry.view.verdict.word()),
        known: entry.map(|entry| Known::of(&entry)),
    };
    written(&News { index, reset, changes: changes.map(change).collect() })
}

impl<'a> Known<'a> {
    fn of(entry: &Entry<'a>) -> Self {
        let Location { address, locality: [region, zone, sub_zone], priority, weight } =
            entry.location;
        Self {
            own: entry.view.own.map(Verdict::word),
            alive: entry.view.verdict.is_alive(),
            latency_ms: entry.view.latency_ms,
            error_rate: entry.view.error_rate,
            address,
            locality: Locality { region, zone, sub_zone },
            priority,
            weight,
        }
    }
}
