//! From a cause until a client's Envoy routes elsewhere.

use std::net::SocketAddr;
use std::time::{Duration, Instant};

use anyhow::Result;
use rustix::process::Signal;
use serde_json::json;

use super::stage::{Bench, Stage, config, source};
use crate::app::Application;
use crate::mesh::{self, Client, Hub, Instances, Place, Sampler, Source};

/// No change may take longer.
const TIMEOUT: Duration = Duration::from_secs(20);

/// What must be held with so many endpoints: an update costs a client's main thread some
/// 12 µs for each.
fn target(instances: u16) -> Duration {
    Duration::from_millis(if instances <= 100 { 20 } else { 100 })
}

/// A lone source says that an instance is dead.
pub async fn alone(bench: &mut Bench<'_>, instances: u16) -> Result<()> {
    let stage = Stage::build(bench.tools, instances, &json!({})).await?;
    let mut source = Source::new(1, stage.hub.people);
    let mut sampler = stage.client.sampler();
    let mut times = Vec::new();
    for _ in 0..bench.rounds {
        let number = 1 + bench.random.below(u64::from(instances)) as u16;
        let instance = stage.instances.address(number);
        source.says(instance, "pass").await?;
        sampler.until(instance, true, TIMEOUT).await?;
        tokio::time::sleep(bench.random.pause(60, 160)).await;
        times.push(until_it_leaves(&mut source, &mut sampler, instance).await?);
        // That it is alive again is a change, too, after which the client waits up to 40 ms
        // before it asks for the next: only then is another one alone.
        source.says(instance, "pass").await?;
        sampler.until(instance, true, TIMEOUT).await?;
    }
    let what = format!("an event of a lone source → elsewhere, {instances} endpoints");
    bench.results.times(what, Some(target(instances)), &times);
    Ok(())
}

/// From the moment before the event is sent until the first answer that another instance
/// has given.
async fn until_it_leaves(
    source: &mut Source,
    sampler: &mut Sampler,
    instance: SocketAddr,
) -> Result<Duration> {
    let start = Instant::now();
    let (said, left) =
        tokio::join!(source.says(instance, "fail"), sampler.until(instance, false, TIMEOUT));
    said?;
    Ok(left? - start)
}

/// The first of three sources says so.
pub async fn suspected(bench: &mut Bench<'_>) -> Result<()> {
    // Who is contradicted again and again is believed less: here as much as ever.
    let patch = json!({ "sources": [source(1), source(2), source(3)],
                        "services": [{ "name": "payments", "witness": 0.1 }] });
    let stage = Stage::build(bench.tools, 4, &patch).await?;
    let mut sources = [1, 2, 3].map(|number| Source::new(number, stage.hub.people));
    let mut sampler = stage.client.sampler();
    let instance = stage.instances.address(1);
    let mut times = Vec::new();
    for _ in 0..bench.rounds {
        for source in &mut sources {
            source.says(instance, "pass").await?;
        }
        sampler.until(instance, true, TIMEOUT).await?;
        tokio::time::sleep(bench.random.pause(60, 160)).await;
        let accuser = bench.random.below(3) as usize;
        times.push(until_it_leaves(&mut sources[accuser], &mut sampler, instance).await?);
    }
    let what = "the first of three sources → suspected → traffic off it, 4 endpoints";
    bench.results.times(what, Some(target(4)), &times);
    Ok(())
}

/// Another change has just been on its way.
pub async fn in_a_burst(bench: &mut Bench<'_>, instances: u16) -> Result<()> {
    let stage = Stage::build(bench.tools, instances, &json!({})).await?;
    let mut source = Source::new(1, stage.hub.people);
    let mut sampler = stage.client.sampler();
    let (instance, other) = (stage.instances.address(1), stage.instances.address(2));
    let mut times = Vec::new();
    for round in 0..bench.rounds {
        source.says(instance, "pass").await?;
        sampler.until(instance, true, TIMEOUT).await?;
        tokio::time::sleep(bench.random.pause(60, 160)).await;
        // Of two the other one must not be dead, too: it drains, or has done so.
        let word = if round % 2 == 0 { "warn" } else { "pass" };
        source.says(other, word).await?;
        tokio::time::sleep(bench.random.pause(0, 40)).await;
        times.push(until_it_leaves(&mut source, &mut sampler, instance).await?);
    }
    let what = format!("the same, another change 0 to 40 ms before, {instances} endpoints");
    bench.results.times(what, Some(Duration::from_millis(100)), &times);
    Ok(())
}

/// An instance with an open Watch is killed.
pub async fn killed(bench: &mut Bench<'_>) -> Result<()> {
    let (authority, instances) = (mesh::authority()?, Instances::start().await?);
    let members = [1, 2, 3, 4].map(|number| instances.address(number));
    let mut application = Application::start(bench.tools)?;
    let watch = json!({ "name": "watch", "service": "payments", "instance": members[0].to_string(),
                        "grpc": { "cluster": "payments_grpc_health", "watch": true } });
    let mut config = config(&members, &json!({}));
    config["sources"] = json!([watch]);
    let builder = mesh::envoy_of_hub(bench.tools, &authority, &config)?;
    let builder = builder.destination("payments_grpc_health", application.addresses.grpc);
    let hub = Hub::start(builder).await?;
    let both = [hub.mesh, Place::choose()?.mesh()];
    let client = Client::start(Client::envoy(bench.tools, &authority, "gateway-1", both)?).await?;
    client.reaches("membership_total", 4, TIMEOUT).await?;
    let mut sampler = client.sampler();
    let mut times = Vec::new();
    for _ in 0..bench.rounds.div_ceil(4) {
        sampler.until(members[0], true, TIMEOUT).await?;
        // A Watch that ends is opened again at once where it has been open for a second.
        tokio::time::sleep(bench.random.pause(1_100, 1_300)).await;
        let start = Instant::now();
        application.signal(Signal::KILL)?;
        times.push(sampler.until(members[0], false, TIMEOUT).await? - start);
        application.restart(bench.tools).await?;
    }
    let what = "SIGKILL of an instance with a Watch → elsewhere";
    bench.results.times(what, Some(Duration::from_millis(50)), &times);
    Ok(())
}

/// A source that beats falls silent.
pub async fn silent(bench: &mut Bench<'_>, beat: Duration) -> Result<()> {
    let mut patch = json!({ "sources": [source(1)] });
    patch["sources"][0]["beat"] = json!(format!("{}ms", beat.as_millis()));
    patch["sources"][0]["silence"] = json!("down");
    let stage = Stage::build(bench.tools, 4, &patch).await?;
    let mut source = Source::new(1, stage.hub.people);
    let mut sampler = stage.client.sampler();
    let mut times = Vec::new();
    for _ in 0..bench.rounds.div_ceil(20) {
        // Its others are heard all the time: it is one that falls silent, not the source.
        let mut last = Instant::now();
        for _ in 0..12 {
            for number in 1..=4 {
                source.says(stage.instances.address(number), "pass").await?;
            }
            last = Instant::now();
            tokio::time::sleep(beat).await;
        }
        let instance = stage.instances.address(1);
        sampler.until(instance, true, TIMEOUT).await?;
        let left = loop {
            for number in 2..=4 {
                source.says(stage.instances.address(number), "pass").await?;
            }
            match sampler.until(instance, false, beat).await {
                Ok(left) => break left,
                Err(error) if last.elapsed() > TIMEOUT => return Err(error),
                Err(_) => {}
            }
        };
        times.push(left - last);
    }
    let what = format!("the last beat of {beat:?} → elsewhere");
    let must = Duration::from_millis(if beat >= Duration::from_secs(1) { 3_700 } else { 600 });
    bench.results.times(what, Some(must), &times);
    Ok(())
}
