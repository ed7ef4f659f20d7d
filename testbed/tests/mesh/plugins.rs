//! Two hubs in one Envoy: plugins with different names.

use std::time::Duration;

use anyhow::{Result, ensure};
use libtest_mimic::Trial;
use serde_json::{Value, json};
use testbed::envoy::merge::merge;
use testbed::mesh::{Hub, Source};

use crate::polls::instance;
use crate::stack::{SOON, config, eventually, is_well, lone_hub, source};
use crate::trial;
use crate::verdicts::{becomes, stays};

pub fn trials() -> Vec<Trial> {
    vec![trial("plugins::two_hubs_in_one_envoy_are_two_hubs", two)]
}

async fn two() -> Result<()> {
    let hub = lone_hub(&[instance()], &json!({}), |it| {
        it.listeners_in_file(true).patch_filter_chains(&json!({ "transport_socket": null }))
    })
    .await?;
    // The listener for people gets another hub, which hears other sources of the same
    // service and instance.
    let mut other = config(&[instance()], &json!({}));
    other["sources"] = json!([source("d", 4)]);
    let mut listeners = hub.envoy.listeners()?;
    rename(&mut listeners, "people", &other);
    hub.envoy.set_listeners(&listeners)?;
    eventually(Duration::from_secs(10), async || {
        Source::new(4, hub.people).says(instance(), "fail").await
    })
    .await?;
    let (one, other) = (hub.mesh, hub.people);
    becomes(&hub, instance(), "dead", SOON).await?;
    let hub = Hub { people: one, ..hub };
    Source::new(1, one).says(instance(), "pass").await?;
    becomes(&hub, instance(), "alive", SOON).await?;
    stays(&hub, instance(), "alive", Duration::from_secs(1)).await?;
    let answer = Source::new(4, one).post(&testbed::mesh::event(instance(), "fail")).await?;
    ensure!(answer.status == 403, "{} {}", answer.status, answer.text());
    let hub = Hub { people: other, ..hub };
    stays(&hub, instance(), "dead", Duration::from_secs(1)).await?;
    is_well(&hub).await
}

/// Makes another plugin of the hub of a listener.
fn rename(listeners: &mut Value, listener: &str, config: &Value) {
    let all = listeners.as_array_mut().into_iter().flatten();
    for listener in all.filter(|it| it["name"] == listener) {
        let manager = &mut listener["filter_chains"][0]["filters"][0]["typed_config"];
        let plugin = json!({ "name": "other_hub", "root_id": "other_hub",
                             "configuration": { "value": config.to_string() } });
        let filter = json!({ "name": "heartbeat_hub", "typed_config": { "config": plugin } });
        merge(manager, &json!({ "http_filters": [filter] }));
    }
}
