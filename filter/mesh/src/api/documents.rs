//! The documents that people and programs read.

use crate::table::{SourceView, View};
use heartbeat_common::base::time::WallTime;
use serde::Serialize;

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
    sources: Option<Vec<Source<'a>>>,
}

#[derive(Serialize)]
struct Source<'a> {
    name: &'a str,
    alive: bool,
    age_ms: u64,
    trust: f32,
}

#[derive(Serialize)]
struct Service<'a> {
    service: &'a str,
    instances: Vec<Instance<'a>>,
}

#[derive(Serialize)]
struct Topology<'a> {
    services: Vec<Service<'a>>,
}

/// Thousandths as a share of 1.
fn share(thousandths: u16) -> f32 {
    f32::from(thousandths) / 1_000.0
}

impl<'a> Instance<'a> {
    fn of(
        view: View<'a>,
        sources: Option<Vec<SourceView<'a>>>,
        wall: &dyn Fn(&View<'_>) -> WallTime,
    ) -> Self {
        let source = |it: SourceView<'a>| Source {
            name: it.source,
            alive: it.is_alive,
            age_ms: it.age / 1_000_000,
            trust: share(it.trust),
        };
        Self {
            id: view.id,
            alive: view.verdict.is_alive(),
            verdict: view.verdict.word(),
            latency_ms: view.latency_ms,
            error_rate: view.error_rate,
            confidence: share(view.confidence),
            since_ns: wall(&view).0,
            sources: sources.map(|sources| sources.into_iter().map(source).collect()),
        }
    }
}

fn written(document: &impl Serialize) -> Vec<u8> {
    // Nothing in these documents can fail to be written.
    serde_json::to_vec(document).unwrap_or_default()
}

/// `GET /mesh/v1/health/{service}/{instance}`. `wall` tells since when, as people read it.
pub fn health_of<'a>(
    view: View<'a>,
    sources: Vec<SourceView<'a>>,
    wall: &dyn Fn(&View<'_>) -> WallTime,
) -> Vec<u8> {
    written(&Instance::of(view, Some(sources), wall))
}

/// `GET /mesh/v1/health/{service}`.
pub fn service_of<'a>(
    service: &'a str,
    views: impl Iterator<Item = View<'a>>,
    wall: &dyn Fn(&View<'_>) -> WallTime,
) -> Vec<u8> {
    let instances = views.map(|view| Instance::of(view, None, wall)).collect();
    written(&Service { service, instances })
}

/// `GET /mesh/v1/topology`: service × source × instance.
pub fn topology_of<'a, I>(
    services: impl Iterator<Item = (&'a str, I)>,
    wall: &dyn Fn(&View<'_>) -> WallTime,
) -> Vec<u8>
where
    I: Iterator<Item = (View<'a>, Vec<SourceView<'a>>)>,
{
    let services = services.map(|(service, instances)| Service {
        service,
        instances: instances
            .map(|(view, sources)| Instance::of(view, Some(sources), wall))
            .collect(),
    });
    written(&Topology { services: services.collect() })
}
