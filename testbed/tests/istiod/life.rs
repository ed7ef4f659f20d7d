//! The life of a plugin in one Envoy: it comes, changes under load, is wrong for a while,
//! loses its configuration, goes, and comes back.

use std::time::Duration;

use anyhow::{Result, bail, ensure};
use serde_json::json;
use testbed::tools::Tools;

use crate::channel::{Channel, Way};
use crate::load::Load;
use crate::stack::{Listeners, Stack};

/// Requests a second under which the plugin changes.
const PER_SECOND: u32 = 200;

/// How long each configuration is under load.
const A_WHILE: Duration = Duration::from_millis(300);

/// Goes through all of it.
pub async fn run(tools: &Tools, way: Way) -> Result<()> {
    let channel = Channel::open(way).await?;
    let mut stack = Stack::start(tools, channel, Listeners::Fixed).await?;
    ensure!(stack.works(1).await?, "version 1 isn't at work from the beginning");

    let load = Load::start(stack.envoy.http, PER_SECOND);
    tokio::time::sleep(A_WHILE).await;
    stack.update(2).await?;
    ensure!(stack.is_gone(1).await?, "version 1 is still at work beside version 2");
    tokio::time::sleep(A_WHILE).await;
    a_wrong_one_leaves_the_old_one(&mut stack, way).await?;
    tokio::time::sleep(A_WHILE).await;
    without_a_configuration_the_defaults_hold(&mut stack).await?;
    tokio::time::sleep(A_WHILE).await;
    stack.update(3).await?;
    tokio::time::sleep(A_WHILE).await;
    load.end().await?;

    the_shipped_one_is_taken(&mut stack).await?;
    if way != Way::File {
        without_its_module_nobody_gets_in(&mut stack).await?;
    }
    stack.bring_back(4).await?;
    removed_as_no_control_plane_should(&mut stack, way).await?;
    stack.bring_back(5).await?;
    let load = Load::start(stack.envoy.http, PER_SECOND);
    stack.update(6).await?;
    load.end().await?;
    stack.envoy.stop()
}

async fn a_wrong_one_leaves_the_old_one(stack: &mut Stack, way: Way) -> Result<()> {
    for round in 1..=2 {
        let before = stack.refused().await?;
        let path = format!("/wrong/{round}");
        let probe = json!({ "name": "x", "match": { "path": path }, "tiemout": "1s" });
        let wrong = stack.plugin.with(Some(json!({ "probes": [probe] })));
        let Err(reason) = stack.channel.deliver(&wrong, &stack.envoy).await? else {
            bail!("Envoy took a wrong configuration");
        };
        // That is all that Envoy says; what is wrong stands in its log.
        let expected = format!("Unable to create Wasm plugin {}", wrong.name);
        ensure!(way == Way::File || reason == expected, "the NACK's reason is {reason:?}");
        let count = stack.refused().await? - before;
        ensure!(count == 1.0, "one refusal counts as {count}");
        ensure!(stack.works(2).await?, "the old configuration is gone");
        ensure!(stack.get(&path).await?.status == 404, "the wrong one is at work");
    }
    let log = stack.envoy.log()?;
    for line in ["configuration refused, 1 mistake:", "probes[0].tiemout"] {
        ensure!(log.contains(line), "the log doesn't say {line:?}:\n{log}");
    }
    Ok(())
}

async fn without_a_configuration_the_defaults_hold(stack: &mut Stack) -> Result<()> {
    let bare = stack.plugin.with(None);
    let verdict = stack.channel.deliver(&bare, &stack.envoy).await?;
    ensure!(verdict.is_ok(), "Envoy refused a plugin without configuration: {verdict:?}");
    ensure!(stack.is_gone(2).await?, "version 2 is still at work");
    let answer = stack.get("/v1/health").await?;
    let matched =
        answer.headers.iter().find(|(name, _)| name == "x-envoy-upstream-healthchecked-cluster");
    ensure!(matched.is_some(), "a default probe isn't matched: {answer:?}");
    Ok(())
}

async fn the_shipped_one_is_taken(stack: &mut Stack) -> Result<()> {
    let shipped = stack.plugin.clone();
    let verdict = stack.channel.deliver(&shipped, &stack.envoy).await?;
    ensure!(verdict.is_ok(), "Envoy refused the shipped plugin: {verdict:?}");
    Ok(())
}

async fn without_its_module_nobody_gets_in(stack: &mut Stack) -> Result<()> {
    let verdict = stack.channel.stand_in(&stack.plugin.resource).await?;
    ensure!(verdict.is_ok(), "Envoy refused the stand-in: {verdict:?}");
    for path in ["/orders/1", "/health", "/readyz"] {
        let status = stack.get(path).await?.status;
        ensure!(status == 403, "{path}: {status} behind the stand-in");
    }
    Ok(())
}

/// Takes the plugin from a filter that still asks for it, which istiod never does: it has
/// the listener let go of the filter instead, see `listener`.
async fn removed_as_no_control_plane_should(stack: &mut Stack, way: Way) -> Result<()> {
    let verdict = stack.channel.remove(&stack.envoy).await?;
    match way {
        // A file without a resource is refused, and over gRPC it is no removal.
        Way::File => ensure!(verdict.is_err(), "Envoy took an empty file"),
        Way::StateOfTheWorld | Way::Delta => ensure!(verdict.is_ok(), "a NACK: {verdict:?}"),
    }
    if way == Way::Delta {
        // Told in so many words, it is: at once nothing passes the filter that isn't there.
        for path in ["/orders/1", "/health", "/v/4"] {
            let status = stack.get(path).await?.status;
            ensure!(status == 500, "{path}: {status} without the plugin");
        }
    } else {
        ensure!(stack.works(4).await?, "the plugin went");
    }
    Ok(())
}
