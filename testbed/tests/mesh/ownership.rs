//! One VM owns the table; others take over from it.

use std::time::{Duration, Instant};

use anyhow::{Result, ensure};
use libtest_mimic::Trial;
use serde_json::{Value, json};
use testbed::envoy::merge::merge;
use testbed::mesh::{self, Client, Hub, Instances, Source, event};

use crate::stack::{SOON, assigned, config, is_well, lone_hub, nowhere};
use crate::trial;

pub fn trials() -> Vec<Trial> {
    vec![
        trial("ownership::every_worker_takes_events_and_answers", every_worker),
        trial("ownership::an_update_of_the_listener_moves_nobody", async || reloaded(false).await),
        trial("ownership::another_configuration_is_at_work_within_moments", async || {
            reloaded(true).await
        }),
    ]
}

/// Connections come to any worker: so many speak for all.
const CONNECTIONS: u8 = 16;

async fn every_worker() -> Result<()> {
    let instances = Instances::start().await?;
    let instance = instances.address(1);
    for workers in [1, 4] {
        let hub = lone_hub(&[instance], &json!({}), |builder| builder.workers(workers)).await?;
        for _ in 0..CONNECTIONS {
            for (status, health) in [("fail", "UNHEALTHY"), ("pass", "")] {
                // A connection of its own for each.
                Source::new(1, hub.people).says(instance, status).await?;
                assigned(&hub, instance, health).await?;
            }
        }
        let counted = hub.envoy.prometheus().await?;
        let series = r#"heartbeat_mesh_event_total{source="a",result="accepted"}"#;
        let counted = counted.get(series)?.unwrap_or_default();
        ensure!(counted == 2.0 * f64::from(CONNECTIONS), "{counted} events with {workers} workers");
        is_well(&hub).await?;
    }
    Ok(())
}

/// Sets the module's configuration in all listeners, and something else in them.
pub fn updated(listeners: &Value, config: Option<&Value>) -> Value {
    let mut listeners = listeners.clone();
    for listener in listeners.as_array_mut().into_iter().flatten() {
        let manager = &mut listener["filter_chains"][0]["filters"][0]["typed_config"];
        merge(manager, &json!({ "server_name": "updated" }));
        if let (Some(config), Some(filters)) = (config, manager["http_filters"].as_array_mut()) {
            for filter in filters.iter_mut().filter(|it| it["name"] == "heartbeat_hub") {
                filter["typed_config"]["config"]["configuration"]["value"] =
                    json!(config.to_string());
            }
        }
    }
    listeners
}

async fn reloaded(other: bool) -> Result<()> {
    let (tools, authority) = (crate::tools(), mesh::authority()?);
    let instances = Instances::start().await?;
    let members = [1, 2, 3].map(|number| instances.address(number));
    let first = config(&members[..2], &json!({}));
    let builder = mesh::envoy_of_hub(&tools, &authority, &first)?;
    let builder = builder.listeners_in_file(true).drain_time(Duration::from_secs(1));
    let hub = Hub::start(builder).await?;
    let client =
        Client::start(Client::envoy(&tools, &authority, "gateway-1", [hub.mesh, nowhere()?])?)
            .await?;
    let mut source = Source::new(1, hub.people);
    source.says(members[0], "fail").await?;
    source.says(members[1], "pass").await?;
    client.reaches("membership_healthy", 1, SOON).await?;
    let updates = client.figure("update_success").await?;

    let second = config(&members, &json!({ "hold": "3s" }));
    let listeners = updated(&hub.envoy.listeners()?, other.then_some(&second));
    hub.envoy.set_listeners(&listeners)?;
    let start = Instant::now();
    let mut busy = 0;
    while start.elapsed() < Duration::from_secs(4) {
        let answer = Source::new(1, hub.people).post(&event(members[0], "fail")).await;
        match answer {
            Ok(answer) if answer.status == 202 => {}
            // While the owner changes.
            Ok(answer) if answer.status == 503 && start.elapsed() < Duration::from_secs(3) => {
                busy += 1
            }
            // The listener that goes takes its connections with it.
            Err(_) => {}
            Ok(answer) => {
                anyhow::bail!("{} after {:?}: {}", answer.status, start.elapsed(), answer.text())
            }
        }
        let healthy = client.figure("membership_healthy").await?;
        let expected = if other { 1..=2 } else { 1..=1 };
        ensure!(expected.contains(&healthy), "{healthy} are healthy after {:?}", start.elapsed());
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    ensure!(busy < 60, "{busy} posts were put off");
    let all = if other { 3 } else { 2 };
    client.reaches("membership_total", all, SOON).await?;
    let now = client.figure("update_success").await?;
    ensure!(other || now == updates, "the client was moved {} times", now - updates);
    // Who owns it now hears.
    Source::new(1, hub.people).says(members[0], "pass").await?;
    assigned(&hub, members[0], "").await?;
    client.reaches("membership_healthy", all, SOON).await?;
    is_well(&hub).await
}
