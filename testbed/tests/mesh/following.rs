//! Traffic goes where the hub says.

use std::time::Duration;

use anyhow::{Result, ensure};
use libtest_mimic::Trial;
use serde_json::json;
use testbed::client::http::Request;
use testbed::mesh::{self, Client, Hub, Instances, Source};
use testbed::tools::{OLDER_ENVOYS, Tools};

use crate::stack::{SOON, Stack, config, nowhere};
use crate::trial;

pub fn trials() -> Vec<Trial> {
    let mut trials = vec![
        trial("following::a_suspected_instance_is_degraded_and_loses_its_traffic", suspected),
        trial("following::a_draining_instance_takes_no_traffic_and_is_no_death", draining),
        trial("following::what_is_said_of_an_instance_chooses_tls_for_it", metadata),
        trial("following::nothing_new_is_304_after_the_hold_and_moves_nobody", nothing_new),
        trial("following::a_new_instance_of_an_allowed_address_is_learnt", learnt),
    ];
    let tools = crate::tools();
    let all = OLDER_ENVOYS.map(|version| (version.replace('.', "_"), tools.with_envoy(version)));
    for (version, tools) in all.into_iter().chain([("newest".into(), tools.clone())]) {
        let name = format!(
            "following::envoy_{version}::an_event_moves_traffic_and_another_brings_it_back"
        );
        trials.push(trial(&name, move || moves(tools.clone())));
    }
    trials
}

async fn moves(tools: Tools) -> Result<()> {
    let stack = Stack::with(&tools, 4, &json!({})).await?;
    let (instance, mut source) = (stack.instances.address(1), stack.source(1));
    let mut sampler = stack.client.sampler();
    ensure!(sampler.who(instance).await? == instance, "unknown is no reason to stay away");
    source.says(instance, "pass").await?;
    source.says(instance, "fail").await?;
    sampler.until(instance, false, SOON).await?;
    ensure!(stack.client.figure("membership_healthy").await? == 3, "more than one left");
    source.says(instance, "pass").await?;
    sampler.until(instance, true, SOON).await?;
    Ok(())
}

async fn suspected() -> Result<()> {
    let stack = Stack::start(4).await?;
    let instance = stack.instances.address(2);
    for number in [1, 2] {
        stack.source(number).says(instance, "pass").await?;
    }
    stack.source(2).says(instance, "fail").await?;
    stack.client.reaches("membership_degraded", 1, SOON).await?;
    stack.client.sampler().until(instance, false, SOON).await?;
    // The other one is heard, too: two of two are enough.
    stack.source(1).says(instance, "fail").await?;
    stack.client.reaches("membership_degraded", 0, SOON).await?;
    stack.client.reaches("membership_healthy", 3, SOON).await
}

async fn draining() -> Result<()> {
    let stack = Stack::start(3).await?;
    let (instance, mut source) = (stack.instances.address(1), stack.source(1));
    source.says(instance, "pass").await?;
    source.says(instance, "draining").await?;
    stack.client.reaches("membership_excluded", 1, SOON).await?;
    stack.client.sampler().until(instance, false, SOON).await?;
    source.says(instance, "pass").await?;
    // No death: it has nothing to prove.
    stack.client.reaches("membership_healthy", 3, SOON).await
}

async fn metadata() -> Result<()> {
    let (tools, authority) = (crate::tools(), mesh::authority()?);
    let (plain, secret) = (Instances::start().await?, Instances::over_tls(&authority).await?);
    let (plain, over_tls) = (plain.address(1), secret.address(2));
    let metadata = json!({ "envoy.transport_socket_match": { "mesh": "east" } });
    let members = json!([{ "id": plain.to_string() },
                         { "id": over_tls.to_string(), "metadata": metadata }]);
    let services = json!([{ "name": "payments", "members": members }]);
    let config = config(&[], &json!({ "services": services }));
    let hub = Hub::start(mesh::envoy_of_hub(&tools, &authority, &config)?).await?;
    let builder = Client::envoy(&tools, &authority, "gateway-1", [hub.mesh, nowhere()?])?;
    let client = Client::start(builder).await?;
    client.reaches("membership_healthy", 2, SOON).await?;
    let mut sampler = client.sampler();
    for instance in [plain, over_tls] {
        let who = sampler.who(instance).await?;
        ensure!(who == instance, "{who} instead of {instance}");
    }
    ensure!(client.figure("ssl.handshake").await? > 0, "nobody spoke TLS");
    Ok(())
}

async fn nothing_new() -> Result<()> {
    let tools = crate::tools();
    let stack = Stack::with(&tools, 2, &json!({ "hold": "1s" })).await?;
    let updates = stack.client.figure("update_success").await?;
    let attempts = stack.client.figure("update_attempt").await?;
    tokio::time::sleep(Duration::from_millis(4_500)).await;
    let asked = stack.client.figure("update_attempt").await? - attempts;
    ensure!((3..=5).contains(&asked), "asked {asked} times in 4.5 holds");
    ensure!(stack.client.stat("cluster.heartbeat_hub.upstream_rq_304").await? >= 3, "no 304");
    ensure!(stack.client.figure("update_success").await? == updates, "it was moved");
    ensure!(stack.client.figure("update_failure").await? == 0, "an answer counts as a failure");
    Ok(())
}

async fn learnt() -> Result<()> {
    let instances = Instances::start().await?;
    let learn = json!([{ "addresses": ["127.128.0.0/16"], "max": 3 }]);
    let service = json!({ "name": "payments", "members": null, "learn": learn });
    let (tools, authority) = (crate::tools(), mesh::authority()?);
    let config = config(&[], &json!({ "services": [service] }));
    let hub = Hub::start(mesh::envoy_of_hub(&tools, &authority, &config)?).await?;
    let mut source = Source::new(1, hub.people);
    source.says(instances.address(1), "pass").await?;
    let builder = Client::envoy(&tools, &authority, "gateway-1", [hub.mesh, nowhere()?])?;
    let client = Client::start(builder).await?;
    client.reaches("membership_healthy", 1, SOON).await?;
    source.says(instances.address(2), "pass").await?;
    client.reaches("membership_healthy", 2, SOON).await?;
    let who = client.sampler().who(instances.address(2)).await?;
    ensure!(who == instances.address(2), "{who}");
    let answer = hub.get("/mesh/v1/health/payments").await?;
    ensure!(answer.text().contains(&instances.address(2).to_string()), "{}", answer.text());
    let head =
        testbed::client::http::fetch(hub.people, &Request::new("HEAD", "/mesh/v1/health")).await?;
    ensure!(head.status == 200 && head.body.is_empty(), "{head:?}");
    Ok(())
}
