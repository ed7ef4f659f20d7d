//! What the hub says of an instance, watched.

use std::net::SocketAddr;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, ensure};
use serde_json::Value;
use testbed::mesh::Hub;

use crate::stack::eventually;

/// The hub's verdict on an instance of `payments`.
pub async fn verdict(hub: &Hub, instance: SocketAddr) -> Result<String> {
    let answer = hub.get(&format!("/mesh/v1/health/payments/{instance}")).await?;
    let says: Value = serde_json::from_slice(&answer.body).unwrap_or_default();
    let verdict = says["verdict"].as_str().map(str::to_owned);
    verdict.with_context(|| format!("no verdict: {} {}", answer.status, answer.text()))
}

/// How soon the other workers have heard what one of them says.
const HEARD: Duration = Duration::from_millis(50);

/// Waits until that is the verdict.
pub async fn becomes(
    hub: &Hub,
    instance: SocketAddr,
    wanted: &str,
    within: Duration,
) -> Result<()> {
    eventually(within, async || {
        let verdict = verdict(hub, instance).await?;
        ensure!(verdict == wanted, "{instance} is {verdict:?} and not {wanted:?}");
        Ok(())
    })
    .await?;
    tokio::time::sleep(HEARD).await;
    Ok(())
}

/// Looks for so long whether the verdict stays as it is.
pub async fn stays(hub: &Hub, instance: SocketAddr, wanted: &str, time: Duration) -> Result<()> {
    let start = Instant::now();
    while start.elapsed() < time {
        let (verdict, after) = (verdict(hub, instance).await?, start.elapsed());
        ensure!(verdict == wanted, "{instance} is {verdict:?} and not {wanted:?} after {after:?}");
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
    Ok(())
}
