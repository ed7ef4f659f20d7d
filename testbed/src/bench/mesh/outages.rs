//! A client whose hubs are killed, hang, or are all gone.

use std::time::{Duration, Instant};

use anyhow::Result;
use rustix::process::Signal;
use serde_json::json;

use super::super::cpu::cpu_time;
use super::results::Must;
use super::stage::{Bench, config};
use crate::mesh::{self, Client, Hub, Instances, Place, Source};

/// No change may take longer.
const TIMEOUT: Duration = Duration::from_secs(30);

/// How many services the client of dead hubs follows.
const SERVICES: usize = 20;

/// One of two hubs is killed or hangs in the moment of an event, which the other one hears.
pub async fn lost(bench: &mut Bench<'_>) -> Result<()> {
    for (signal, what, must) in [
        (Signal::KILL, "one of two hubs is killed → a change that the other hears", 200),
        (Signal::STOP, "one of two hubs hangs → a change that the other hears", 5_000),
    ] {
        let mut times = Vec::new();
        for _ in 0..bench.rounds.div_ceil(10) {
            times.push(one_lost(bench, signal).await?);
        }
        bench.results.times(what, Some(Duration::from_millis(must)), &times);
    }
    Ok(())
}

async fn one_lost(bench: &mut Bench<'_>, signal: Signal) -> Result<Duration> {
    let (authority, instances) = (mesh::authority()?, Instances::start().await?);
    let members = [1, 2, 3, 4].map(|number| instances.address(number));
    let config = config(&members, &json!({}));
    let start = async || Hub::start(mesh::envoy_of_hub(bench.tools, &authority, &config)?).await;
    let (first, second) = (start().await?, start().await?);
    let both = [first.mesh, second.mesh];
    let client = Client::start(Client::envoy(bench.tools, &authority, "gateway-1", both)?).await?;
    for hub in [&first, &second] {
        Source::new(1, hub.people).says(members[0], "pass").await?;
    }
    let mut sampler = client.sampler();
    sampler.until(members[0], true, TIMEOUT).await?;
    tokio::time::sleep(bench.random.pause(500, 1_500)).await;
    let lost = Instant::now();
    first.envoy.signal(signal)?;
    let mut source = Source::new(1, second.people);
    // An answer that isn't 200 is an error here: no request may fail.
    let (said, left) =
        tokio::join!(source.says(members[0], "fail"), sampler.until(members[0], false, TIMEOUT));
    said?;
    Ok(left? - lost)
}

/// What a client of many services spends while no hub is there.
pub async fn all_dead(bench: &mut Bench<'_>) -> Result<()> {
    let authority = mesh::authority()?;
    let nowhere = [Place::choose()?.mesh(), Place::choose()?.mesh()];
    let builder = Client::envoy_of(bench.tools, &authority, "gateway-1", nowhere, SERVICES)?;
    let client = Client::start(builder).await?;
    tokio::time::sleep(Duration::from_secs(8)).await;
    let (start, before) = (Instant::now(), cpu_time(client.envoy.id())?);
    tokio::time::sleep(Duration::from_secs(10)).await;
    let spent = (cpu_time(client.envoy.id())? - before).as_secs_f64();
    let share = 100.0 * spent / start.elapsed().as_secs_f64();
    let what = format!("{SERVICES} services at a client, all hubs dead: its processor time");
    bench.results.figure(what, share, "% of a core", Must::AtMost(10.0));
    Ok(())
}
