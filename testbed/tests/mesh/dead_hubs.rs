//! What a client does while no hub is there.

use std::time::{Duration, Instant};

use anyhow::{Result, ensure};
use libtest_mimic::Trial;
use testbed::mesh::{Client, authority};

use crate::stack::nowhere;

pub fn trials() -> Vec<Trial> {
    vec![crate::trial("dead_hubs::a_client_asks_once_a_second_and_complains_of_nothing", quiet)]
}

async fn quiet() -> Result<()> {
    let authority = authority()?;
    let builder = Client::envoy(&crate::tools(), &authority, "alone", [nowhere()?, nowhere()?])?;
    let start = Instant::now();
    let client = Client::start(builder).await?;
    let took = start.elapsed();
    // `initial_fetch_timeout`, and what an Envoy takes to start. Its last resort is a
    // listener of its own, which opens only then, and is out for a moment as the hubs are.
    ensure!(took < Duration::from_secs(6), "ready after {took:?} without a hub");
    tokio::time::sleep(Duration::from_millis(2_500)).await;
    let before = (client.figure("update_attempt").await?, client.figure("update_failure").await?);
    let complaints = complaints(&client)?;
    tokio::time::sleep(Duration::from_secs(4)).await;
    let asked = client.figure("update_attempt").await? - before.0;
    ensure!((3..=4).contains(&asked), "asked {asked} times in 4 s");
    let failed = client.figure("update_failure").await? - before.1;
    ensure!(failed == 0, "{failed} answers count as failures");
    let more = self::complaints(&client)?.split_off(complaints.len());
    ensure!(more.is_empty(), "{}", more.join("\n"));
    Ok(())
}

fn complaints(client: &Client) -> Result<Vec<String>> {
    let log = client.envoy.log()?;
    Ok(log.lines().filter(|line| line.contains("[warning]")).map(str::to_owned).collect())
}
