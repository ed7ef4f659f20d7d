//! One hub after another: two that know the same, one that restarts, is killed, or hangs.

use std::time::{Duration, Instant};

use anyhow::{Context, Result, ensure};
use libtest_mimic::Trial;
use rustix::process::Signal;
use serde_json::json;
use testbed::mesh::{self, Client, Hub, Instances, Place, Source, version_of};

use crate::stack::{SOON, assignment, config, eventually, nowhere};
use crate::trial;

pub fn trials() -> Vec<Trial> {
    vec![
        trial("hubs::two_that_know_the_same_say_the_same_and_nobody_moves", two_of_a_kind),
        trial("hubs::one_that_restarts_moves_nobody", restarted),
        trial("hubs::one_that_has_just_started_is_not_asked_before_it_knows", warming_up),
        trial("hubs::one_that_drains_is_left_before_it_ends", draining),
        trial("hubs::one_that_is_killed_is_left_within_moments", async || lost(Signal::KILL).await),
        trial("hubs::one_that_hangs_is_left_within_seconds", async || lost(Signal::STOP).await),
    ]
}

/// Two hubs, and a client that follows them.
struct Pair {
    instances: Instances,
    hubs: [Hub; 2],
    client: Client,
}

impl Pair {
    async fn start(members: u16) -> Result<Self> {
        let (tools, authority) = (crate::tools(), mesh::authority()?);
        let instances = Instances::start().await?;
        let members: Vec<_> = (1..=members).map(|number| instances.address(number)).collect();
        let config = config(&members, &json!({}));
        let first = Hub::start(mesh::envoy_of_hub(&tools, &authority, &config)?).await?;
        let second = Hub::start(mesh::envoy_of_hub(&tools, &authority, &config)?).await?;
        let both = [first.mesh, second.mesh];
        let client = Client::start(Client::envoy(&tools, &authority, "gateway-1", both)?).await?;
        client.reaches("membership_total", members.len() as u64, SOON).await?;
        Ok(Self { instances, hubs: [first, second], client })
    }

    /// Tells both.
    async fn tell(&self, number: u16, status: &str) -> Result<()> {
        for hub in &self.hubs {
            Source::new(1, hub.people).says(self.instances.address(number), status).await?;
        }
        Ok(())
    }
}

async fn two_of_a_kind() -> Result<()> {
    let pair = Pair::start(4).await?;
    pair.tell(1, "pass").await?;
    pair.tell(2, "fail").await?;
    eventually(SOON, async || {
        let mut versions = Vec::new();
        for hub in &pair.hubs {
            let answer = assignment(hub, "onlooker", None).await?;
            versions.push(version_of(&answer).context("no version")?);
        }
        ensure!(versions[0] == versions[1], "{versions:?}");
        Ok(())
    })
    .await?;
    pair.client.reaches("membership_healthy", 3, SOON).await?;
    let updates = pair.client.figure("update_success").await?;
    pair.hubs[0].envoy.signal(Signal::KILL)?;
    tokio::time::sleep(Duration::from_secs(3)).await;
    ensure!(pair.client.figure("update_success").await? == updates, "the second moved it");
    ensure!(pair.client.figure("update_failure").await? <= 2, "more than the break was noticed");
    // It does ask the second one.
    let held = pair.hubs[1].envoy.prometheus().await?.sum("heartbeat_mesh_subscribers");
    ensure!(held == 1.0, "{held} requests are held by the second hub");
    Ok(())
}

async fn restarted() -> Result<()> {
    let (tools, authority) = (crate::tools(), mesh::authority()?);
    let instances = Instances::start().await?;
    let members = [1, 2, 3].map(|number| instances.address(number));
    let mut patch = json!({ "sources": [crate::stack::source("a", 1)] });
    patch["sources"][0]["beat"] = json!("500ms");
    let config = config(&members, &patch);
    let place = Place::choose()?;
    let start =
        async || Hub::start_at(mesh::envoy_of_hub(&tools, &authority, &config)?, place).await;
    let hub = start().await?;
    let beat = async |hub: &Hub| -> Result<()> {
        let mut source = Source::new(1, hub.people);
        source.says(members[0], "pass").await?;
        source.says(members[1], "fail").await?;
        source.says(members[2], "pass").await
    };
    beat(&hub).await?;
    let builder = Client::envoy(&tools, &authority, "gateway-1", [hub.mesh, nowhere()?])?;
    let client = Client::start(builder).await?;
    eventually(Duration::from_secs(5), async || {
        beat(&hub).await?;
        let healthy = client.figure("membership_healthy").await?;
        ensure!(healthy == 2, "{healthy} are healthy");
        Ok(())
    })
    .await?;
    let updates = client.figure("update_success").await?;
    drop(hub);
    tokio::time::sleep(Duration::from_millis(300)).await;
    let hub = start().await?;
    let until = Instant::now() + Duration::from_secs(4);
    while Instant::now() < until {
        beat(&hub).await?;
        let healthy = client.figure("membership_healthy").await?;
        ensure!(healthy == 2, "{healthy} are healthy after the restart");
        tokio::time::sleep(Duration::from_millis(200)).await;
    }
    ensure!(client.figure("update_success").await? == updates, "the restart moved the client");
    // And it follows the new one.
    Source::new(1, hub.people).says(members[2], "fail").await?;
    client.reaches("membership_healthy", 1, SOON).await
}

async fn lost(signal: Signal) -> Result<()> {
    let pair = Pair::start(4).await?;
    pair.tell(1, "pass").await?;
    let lost = Instant::now();
    pair.hubs[0].envoy.signal(signal)?;
    let instance = pair.instances.address(1);
    Source::new(1, pair.hubs[1].people).says(instance, "fail").await?;
    let within = if signal == Signal::KILL { SOON } else { Duration::from_secs(6) };
    let mut sampler = pair.client.sampler();
    // No request fails meanwhile.
    let moved = sampler.until(instance, false, within).await?;
    ensure!(moved.duration_since(lost) < within, "after {:?}", moved.duration_since(lost));
    Ok(())
}

/// How many requests a hub holds.
async fn held(hub: &Hub) -> Result<f64> {
    Ok(hub.envoy.prometheus().await?.sum("heartbeat_mesh_subscribers"))
}

async fn warming_up() -> Result<()> {
    let (tools, authority) = (crate::tools(), mesh::authority()?);
    let instances = Instances::start().await?;
    let members = [1, 2, 3].map(|number| instances.address(number));
    // Two of its beats are what a hub listens before it speaks.
    let mut patch = json!({ "sources": [crate::stack::source("a", 1)] });
    patch["sources"][0]["beat"] = json!("2s");
    let config = config(&members, &patch);
    let start = async || Hub::start(mesh::envoy_of_hub(&tools, &authority, &config)?).await;
    let place = Place::choose()?;
    let second = start().await?;
    tell(&second, &members, "pass").await?;
    let both = [place.mesh(), second.mesh];
    let builder = Client::envoy(&tools, &authority, "gateway-1", both)?;
    tokio::time::sleep(Duration::from_secs(5)).await;
    let client = Client::start(builder).await?;
    client.reaches("membership_healthy", 3, SOON).await?;
    let first = Hub::start_at(mesh::envoy_of_hub(&tools, &authority, &config)?, place).await?;
    let started = Instant::now();
    let mut sampler = client.sampler();
    for status in ["fail", "pass", "fail"] {
        tokio::time::sleep(Duration::from_millis(800)).await;
        tell(&second, &members[..1], status).await?;
        sampler.until(members[0], status == "pass", Duration::from_millis(700)).await?;
    }
    ensure!(started.elapsed() < Duration::from_secs(4), "this machine is too slow");
    tell(&first, &members[1..], "pass").await?;
    tell(&first, &members[..1], "fail").await?;
    // Later it is asked again.
    eventually(Duration::from_secs(6), async || {
        let held = held(&first).await?;
        ensure!(held == 1.0, "it holds {held} requests");
        Ok(())
    })
    .await
    .map(drop)
}

async fn tell(hub: &Hub, instances: &[std::net::SocketAddr], status: &str) -> Result<()> {
    let mut source = Source::new(1, hub.people);
    for instance in instances {
        source.says(*instance, status).await?;
    }
    Ok(())
}

async fn draining() -> Result<()> {
    let pair = Pair::start(2).await?;
    pair.tell(1, "pass").await?;
    pair.hubs[0].envoy.admin_post("/healthcheck/fail").await?;
    // The request that it holds is answered by the next change or at the end of the hold.
    eventually(Duration::from_secs(5), async || {
        let held = held(&pair.hubs[1]).await?;
        ensure!(held == 1.0, "the other one holds {held} requests");
        Ok(())
    })
    .await?;
    ensure!(pair.client.figure("update_failure").await? == 0, "an answer was lost");
    Ok(())
}
