//! Many requests that wait for the same change.

use std::time::{Duration, Instant};

use anyhow::{Context, Result, ensure};
use serde_json::json;

use super::stage::{Bench, Stage};
use crate::client::connection::Connection;
use crate::client::http::{self, Version};
use crate::mesh::{Source, discovery, version_of};

/// So many are held.
const HELD: usize = 1_000;

/// All of them are answered.
pub async fn run(bench: &mut Bench<'_>) -> Result<()> {
    let stage = Stage::build(bench.tools, 100, &json!({ "hold": "50s" })).await?;
    let mut source = Source::new(1, stage.hub.people);
    let instance = stage.instances.address(1);
    let mut times = Vec::new();
    for round in 0..bench.rounds.div_ceil(6) {
        let address = stage.hub.people;
        let now = http::fetch(address, &discovery("bench", "payments", None)).await?;
        let version = version_of(&now).context("the hub has no assignment")?;
        let mut asked = Vec::new();
        for number in 0..HELD {
            let request = discovery(&format!("node-{number}"), "payments", Some(&version));
            let mut connection = Connection::open(Version::Http1, address).await?;
            asked.push(tokio::spawn(async move {
                let answer = connection.send(&request).await?;
                Ok::<_, anyhow::Error>((Instant::now(), answer.status))
            }));
        }
        // Until the last of them is held.
        tokio::time::sleep(Duration::from_millis(700)).await;
        let start = Instant::now();
        source.says(instance, if round % 2 == 0 { "fail" } else { "pass" }).await?;
        let mut last = start;
        for answer in asked {
            let (at, status) = answer.await??;
            ensure!(status == 200, "a held request got {status}");
            last = last.max(at);
        }
        times.push(last - start);
        tokio::time::sleep(Duration::from_millis(200)).await;
    }
    let what = format!("an event → the last of {HELD} held requests answered, 100 endpoints");
    bench.results.times(what, Some(Duration::from_millis(100)), &times);
    Ok(())
}
