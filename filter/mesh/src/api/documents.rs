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
    #[serde(skip_serializing_if = "Option::is_none")]
    locality: Option<Locality<'a>>,
    sources: Vec<Source<'a>>,
}

#[derive(Serialize)]
struct Source<'a> {
    name: &'a str,
    says: &'static str,
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

/// All that a picture of the mesh needs.
#[derive(Serialize)]
struct Topology<'a> {
    index: u64,
    now_ns: u64,
    sources: Vec<Trusted<'a>>,
    services: Vec<Service<'a>>,
}

/// A source, whether it has spoken or not.
#[derive(Serialize)]
struct Trusted<'a> {
    name: &'a str,
    trust: f32,
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
                says: said.claim.word(),
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
            locality: None,
            sources: sources.collect(),
        }
    }

    fn with_locality(entry: &Entry<'a>, head: &Head<'a>, now: Instant) -> Self {
        let locality = Some(Locality::of(entry.location.locality));
        Self { locality, ..Self::of(entry, head, now) }
    }
}

impl<'a> Locality<'a> {
    fn of([region, zone, sub_zone]: [&'a str; 3]) -> Self {
        Self { region, zone, sub_zone }
    }
}

/// How an instance is written.
type Written<'a> = fn(&Entry<'a>, &Head<'a>, Instant) -> Instance<'a>;

impl<'a> Service<'a> {
    fn of(snapshot: &Snapshot<'a>, instance: Written<'a>, now: Instant) -> Self {
        let head = &snapshot.head;
        let instances = snapshot.entries().map(|entry| instance(&entry, head, now));
        Self { service: head.service, instances: instances.collect() }
    }
}

/// `GET /mesh/v1/health/{service}/{instance}`.
pub fn instance(entry: &Entry<'_>, head: &Head<'_>, now: Instant) -> Vec<u8> {
    written(&Instance::of(entry, head, now))
}

/// `GET /mesh/v1/health/{service}`.
pub fn service(snapshot: &Snapshot<'_>, now: Instant) -> Vec<u8> {
    written(&Service::of(snapshot, Instance::of, now))
}

/// `GET /mesh/v1/health`.
pub fn services(snapshots: &[Snapshot<'_>], now: Instant) -> Vec<u8> {
    let services = snapshots.iter().map(|it| Service::of(it, Instance::of, now)).collect();
    written(&Services { services })
}

/// `GET /mesh/v1/topology`: service × source × instance, and the index to follow from.
pub fn topology(index: u64, snapshots: &[Snapshot<'_>], now: Instant) -> Vec<u8> {
    // All snapshots name all sources.
    let head = snapshots.first().map(|snapshot| &snapshot.head);
    let sources = head.map_or(&[][..], |head| &head.sources).iter();
    written(&Topology {
        index,
        now_ns: head.map_or(0, |head| head.wall(now).0),
        sources: sources.map(|(name, trust)| Trusted { name, trust: share(*trust) }).collect(),
        services: snapshots
            .iter()
            .map(|it| Service::of(it, Instance::with_locality, now))
            .collect(),
    })
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
        let Location { address, locality, priority, weight } = entry.location;
        Self {
            own: entry.view.own.map(Verdict::word),
            alive: entry.view.verdict.is_alive(),
            latency_ms: entry.view.latency_ms,
            error_rate: entry.view.error_rate,
            address,
            locality: Locality::of(locality),
            priority,
            weight,
        }
    }
}
