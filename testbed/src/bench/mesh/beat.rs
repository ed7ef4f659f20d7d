//! What it costs a sidecar to tell a hub once a second how its application is.

use std::time::Duration;

use anyhow::{Result, ensure};
use serde_json::{Value, json};

use super::super::cpu::cpu_time;
use super::results::Must;
use super::stage::{Bench, config};
use crate::app::Application;
use crate::envoy::Envoy;
use crate::mesh::{self, Hub, Place};

/// Into how many spans the time is divided, of which the median counts.
const SPANS: u32 = 4;

/// Two sidecars beside each other, of which one publishes.
pub async fn run(bench: &mut Bench<'_>) -> Result<()> {
    let (tools, authority) = (bench.tools, mesh::authority()?);
    let application = Application::start(tools)?;
    let places = [Place::choose()?, Place::choose()?];
    let mut hub = config(&places.map(|place| place.mesh()), &json!({}));
    hub["sources"] = json!([{ "name": "sidecars", "beat": "1s",
                              "allow": { "principals": ["spiffe://east/*"] } }]);
    let hub = Hub::start(mesh::envoy_of_hub(tools, &authority, &hub)?).await?;
    let start = async |place: Place, config: &Value| -> Result<Envoy> {
        let (app, hubs) = (application.addresses.http, [hub.mesh, Place::choose()?.mesh()]);
        let builder = mesh::envoy_of_sidecar(tools, &authority, place, app, hubs, config)?;
        place.start(builder).await
    };
    let silent = json!({
        "probes": [],
        "checks": [{ "name": "app", "http": { "cluster": "app", "path": "/healthz" } }],
    });
    let mut speaks = silent.clone();
    speaks["publish"] = json!({ "cluster": "hub_1", "instance": "${INSTANCE}",
                                "when": [{ "check": "app" }], "every": "1s" });
    let [one, other] = places;
    let (silent, speaks) = (start(one, &silent).await?, start(other, &speaks).await?);
    // Both have their connections, and their modules are compiled.
    tokio::time::sleep(Duration::from_secs(5)).await;
    let mut costs = Vec::new();
    for _ in 0..SPANS {
        // To ask for it costs more than many beats, and only one of the two.
        let accepted = beats(&speaks).await?;
        let before = [cpu_time(silent.id())?, cpu_time(speaks.id())?];
        let span = bench.load / SPANS;
        tokio::time::sleep(span).await;
        let spent = [cpu_time(silent.id())? - before[0], cpu_time(speaks.id())? - before[1]];
        let beats = beats(&speaks).await? - accepted;
        ensure!(beats >= 0.9 * span.as_secs_f64(), "{beats} beats in {span:?}");
        let [without, with] = spent.map(|it| 1e6 * it.as_secs_f64() / span.as_secs_f64());
        costs.push((with - without, without));
    }
    costs.sort_by(|one, other| one.0.total_cmp(&other.0));
    let median = costs[costs.len() / 2];
    let what = "a sidecar that tells a hub once a second, beside one that doesn't";
    bench.results.figure(what, median.0, "µs a second", Must::AtMost(1_000.0));
    bench.results.figure("the one that doesn't", median.1, "µs a second", Must::Anything);
    Ok(())
}

/// How many were accepted.
async fn beats(sidecar: &Envoy) -> Result<f64> {
    let series = "heartbeat_publish_total{result=\"accepted\"}";
    Ok(sidecar.prometheus().await?.get(series)?.unwrap_or_default())
}
