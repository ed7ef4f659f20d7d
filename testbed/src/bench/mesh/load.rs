//! Ten thousand instances that three sources speak of every second, and as much as goes.

use std::net::SocketAddr;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, ensure};
use serde_json::{Value, json};

use super::super::cpu::cpu_time;
use super::results::Must;
use super::stage::{Bench, source};
use crate::client::connection::KeepAlive;
use crate::client::http::{Request, Version};
use crate::mesh::{self, Hub, Source, event};

const SERVICES: usize = 5;
const INSTANCES: usize = 2_000;
const SOURCES: u8 = 3;
/// Events of a request.
const BATCH: usize = 100;

/// The services' instances, which nobody connects to.
fn instance(service: usize, number: usize) -> SocketAddr {
    let [.., high, low] = number.to_be_bytes();
    SocketAddr::from(([10, service as u8, high, low], 80))
}

async fn hub(bench: &Bench<'_>) -> Result<Hub> {
    let services: Vec<_> = (0..SERVICES)
        .map(|service| {
            let members: Vec<_> = (0..INSTANCES)
                .map(|number| json!({ "id": instance(service, number).to_string() }))
                .collect();
            json!({ "name": format!("service-{service}"), "members": members })
        })
        .collect();
    let sources: Vec<_> = (1..=SOURCES).map(source).collect();
    let config = json!({
        "services": services,
        "sources": sources,
        "readers": { "cidrs": ["127.0.0.1/32"], "address": "trusted" },
        "limits": { "rate": "1000000/s", "batch": 1000, "body": "1MiB" },
    });
    let authority = mesh::authority()?;
    let builder = mesh::envoy_of_hub(bench.tools, &authority, &config)?;
    Hub::start(builder.log_level("warning")).await
}

/// All of a source's batches: every instance once.
fn batches() -> Vec<Value> {
    let mut batches = Vec::new();
    for service in 0..SERVICES {
        for from in (0..INSTANCES).step_by(BATCH) {
            let events = (from..from + BATCH).map(|number| {
                let mut event = event(instance(service, number), "pass");
                event["service"] = json!(format!("service-{service}"));
                event["latency_p95_ms"] = json!(12.5);
                event
            });
            batches.push(events.collect());
        }
    }
    batches
}

/// Sets the time of all events of a batch to now.
fn renew(batch: &mut Value, now: &str) {
    for event in batch.as_array_mut().into_iter().flatten() {
        event["timestamp_ns"] = json!(now);
    }
}

fn now() -> String {
    let now = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH);
    now.unwrap_or_default().as_nanos().to_string()
}

/// How many events the hub says that it has taken, whatever they were worth.
async fn counted(hub: &Hub) -> Result<f64> {
    let metrics = hub.envoy.prometheus().await?;
    let all = metrics.labelled("heartbeat_mesh_event_total");
    let put_off = ["refused", "limited"].map(Some);
    let taken = all.filter(|(labels, _)| !put_off.contains(&labels.get("result").map(|it| &**it)));
    Ok(taken.map(|(_, count)| count).sum())
}

/// What readers wait for, until it is over.
async fn readers(hub: SocketAddr, end: Instant) -> Result<Vec<Duration>> {
    let mut connection = KeepAlive::new(Version::Http1, hub.into());
    let path = format!("/mesh/v1/health/service-0/{}", instance(0, 7));
    let (request, mut times) = (Request::new("GET", &path), Vec::new());
    while Instant::now() < end {
        let answer = connection.send(&request).await?;
        ensure!([200, 503].contains(&answer.status), "{} {}", answer.status, answer.text());
        times.push(answer.elapsed);
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
    Ok(times)
}

/// One event a second of every source about every instance.
pub async fn run(bench: &mut Bench<'_>) -> Result<()> {
    let hub = hub(bench).await?;
    let people = hub.people;
    let reading = bench.load.min(Duration::from_secs(20));
    let idle = readers(people, Instant::now() + reading).await?;
    bench.results.times("a reader of an idle hub", None, &idle);

    // What readers cost isn't what events cost: they come after that was measured.
    let end = Instant::now() + bench.load + reading;
    let posting: Vec<_> =
        (1..=SOURCES).map(|number| tokio::spawn(post(number, people, end))).collect();
    // Everybody has been heard once.
    tokio::time::sleep(Duration::from_secs(3).min(bench.load / 4)).await;
    let (start, cpu) = (Instant::now(), cpu_time(hub.envoy.id())?);
    let (first, mut last) = (hub.envoy.memory()?, 0);
    let before = counted(&hub).await?;
    while Instant::now() + reading < end {
        tokio::time::sleep(Duration::from_millis(500)).await;
        last = hub.envoy.memory()?;
    }
    let spent = (cpu_time(hub.envoy.id())? - cpu).as_secs_f64() / start.elapsed().as_secs_f64();
    let rate = (counted(&hub).await? - before) / start.elapsed().as_secs_f64();
    let read = readers(people, end).await?;
    let mut accepted = 0;
    for posted in posting {
        accepted += posted.await??;
    }
    // The last of them may still be on its way.
    tokio::time::sleep(Duration::from_millis(1_500)).await;
    let lost = accepted as f64 - counted(&hub).await?;
    let all = SERVICES * INSTANCES;
    bench.results.times(format!("a reader of a hub of {all} × {SOURCES}"), None, &read);
    let results = &mut bench.results;
    results.figure("events of the load", rate, "a second", Must::AtLeast(29_000.0));
    results.figure("accepted and not counted", lost.abs(), "events", Must::AtMost(0.0));
    results.figure("processor time of the hub", 100.0 * spent, "% of a core", Must::AtMost(10.0));
    let grown = (last as f64 - first as f64) / f64::from(1 << 20);
    results.figure("grown under load", grown, "MiB", Must::AtMost(8.0));
    results.figure("memory", last as f64 / f64::from(1 << 20), "MiB", Must::Anything);
    Ok(())
}

/// A source that says everything once a second, spread over it; how many events the hub
/// has accepted.
async fn post(number: u8, hub: SocketAddr, end: Instant) -> Result<u64> {
    let mut source = Source::new(number, hub);
    let mut batches = batches();
    let pause = Duration::from_secs(1) / batches.len() as u32;
    let (mut accepted, mut next) = (0, Instant::now());
    'all: loop {
        for batch in &mut batches {
            if Instant::now() >= end {
                break 'all;
            }
            tokio::time::sleep_until(next.into()).await;
            next += pause;
            renew(batch, &now());
            accepted += accepted_of(&mut source, batch).await?;
        }
    }
    Ok(accepted)
}

async fn accepted_of(source: &mut Source, batch: &Value) -> Result<u64> {
    let answer = source.post(batch).await?;
    ensure!([202, 503].contains(&answer.status), "{} {}", answer.status, answer.text());
    if answer.status == 503 {
        tokio::time::sleep(Duration::from_millis(20)).await;
        return Ok(0);
    }
    let body: Value = serde_json::from_slice(&answer.body)?;
    body["accepted"].as_u64().context("no number of accepted events")
}

/// As many events as go through.
pub async fn ceiling(bench: &mut Bench<'_>) -> Result<()> {
    let hub = hub(bench).await?;
    let (people, start) = (hub.people, Instant::now());
    let end = start + bench.load.min(Duration::from_secs(10));
    let posting: Vec<_> = (1..=SOURCES)
        .map(|number| {
            tokio::spawn(async move {
                let mut source = Source::new(number, people);
                // Events of the same moment are duplicates, which cost as much to read.
                let batches = batches();
                let mut accepted = 0;
                for batch in batches.iter().cycle() {
                    if Instant::now() >= end {
                        break;
                    }
                    accepted += accepted_of(&mut source, batch).await?;
                }
                Ok::<_, anyhow::Error>(accepted)
            })
        })
        .collect();
    let mut accepted = 0;
    for posted in posting {
        accepted += posted.await??;
    }
    let took = start.elapsed().as_secs_f64();
    tokio::time::sleep(Duration::from_millis(1_500)).await;
    let lost = accepted as f64 - counted(&hub).await?;
    let results = &mut bench.results;
    results.figure("ceiling", accepted as f64 / took, "events a second", Must::AtLeast(300_000.0));
    results.figure(
        "accepted at the ceiling and not counted",
        lost.abs(),
        "events",
        Must::AtMost(0.0),
    );
    Ok(())
}
