//! Updates of a hub at work: its listeners, its configuration.

use std::time::{Duration, Instant};

use anyhow::{Context, Result, ensure};
use libtest_mimic::Trial;
use serde_json::{Value, json};
use testbed::client::connection::KeepAlive;
use testbed::client::http::{Request, Version};
use testbed::client::peer::Peer;
use testbed::envoy::merge::merge;
use testbed::envoy::{EnvoyBuilder, PluginConfig, Reloaded};
use testbed::mesh::{Hub, Source, discovery, event, version_of};
use tokio::task::JoinHandle;

use crate::polls::instance;
use crate::stack::{SOON, assignment, config, eventually, is_well, lone_hub};
use crate::trial;
use crate::verdicts::{becomes, verdict};

pub fn trials() -> Vec<Trial> {
    let kinds = [
        ("its_listeners", Update::Listeners { other: false }),
        ("its_listeners_and_its_configuration", Update::Listeners { other: true }),
        ("its_configuration", Update::Filter { other: true }),
        ("nothing_but_the_version_of_its_configuration", Update::Filter { other: false }),
    ];
    let mut trials: Vec<_> = kinds
        .into_iter()
        .map(|(name, update)| {
            trial(&format!("updates::nothing_is_lost_by_one_of_{name}"), move || under_way(update))
        })
        .collect();
    trials.push(trial("updates::a_listener_that_is_removed_takes_no_hub_with_it", owner_removed));
    trials
}

/// An update while everything is under way.
#[derive(Clone, Copy)]
enum Update {
    /// Of the listeners, which drain, with another configuration of the hub or the same.
    Listeners { other: bool },
    /// Of the filter within them.
    Filter { other: bool },
}

/// How long posters may be put off, on a busy machine.
const PUT_OFF: Duration = Duration::from_secs(2);

impl Update {
    fn changes_configuration(self) -> bool {
        let (Self::Listeners { other } | Self::Filter { other }) = self;
        other
    }

    fn builder(self, builder: EnvoyBuilder) -> EnvoyBuilder {
        match self {
            Self::Listeners { .. } => {
                builder.listeners_in_file(true).drain_time(Duration::from_secs(20))
            }
            Self::Filter { .. } => builder.dynamic(true),
        }
    }

    async fn begin(self, hub: &mut Hub) -> Result<()> {
        let hold = if self.changes_configuration() { "3s" } else { "2s" };
        let config = config(&[instance()], &json!({ "hold": hold }));
        match self {
            Self::Listeners { .. } => {
                let listeners = updated(&hub.envoy.listeners()?, &config);
                let before = listeners_taken(hub).await?;
                hub.envoy.set_listeners(&listeners)?;
                eventually(Duration::from_secs(10), async || {
                    let now = listeners_taken(hub).await?;
                    ensure!(now > before, "Envoy takes no listeners");
                    Ok(())
                })
                .await?;
            }
            Self::Filter { .. } => {
                let reloaded = hub.envoy.reload(&PluginConfig::Text(config.to_string())).await?;
                ensure!(reloaded == Reloaded::Taken, "{reloaded:?}");
            }
        }
        Ok(())
    }
}

async fn listeners_taken(hub: &Hub) -> Result<u64> {
    let page = hub.envoy.admin_get("/stats?filter=^listener_manager.listener_modified$").await?;
    Ok(page.trim().rsplit(": ").next().unwrap_or_default().parse()?)
}

/// The listeners with this configuration of the hub, and something else in them.
fn updated(listeners: &Value, config: &Value) -> Value {
    let mut listeners = listeners.clone();
    for listener in listeners.as_array_mut().into_iter().flatten() {
        let manager = &mut listener["filter_chains"][0]["filters"][0]["typed_config"];
        let config = json!({ "configuration": { "value": config.to_string() } });
        let filter = json!({ "name": "heartbeat_hub", "typed_config": { "config": config } });
        merge(manager, &json!({ "server_name": "updated", "http_filters": [filter] }));
    }
    listeners
}

/// Who posts all the time, on connections of its own and on one that it keeps.
struct Poster {
    accepted: u64,
    put_off: Vec<Instant>,
}

impl Poster {
    /// Posts until `until`, each time that the instance is dead.
    async fn run(hub: std::net::SocketAddr, until: Instant) -> Result<Self> {
        let mut poster = Self { accepted: 0, put_off: Vec::new() };
        let mut kept = Source::new(1, hub);
        while Instant::now() < until {
            let now = Instant::now();
            for source in [&mut kept, &mut Source::new(1, hub)] {
                let answer = source.post(&event(instance(), "fail")).await?;
                match answer.status {
                    202 => poster.accepted += 1,
                    503 => poster.put_off.push(now),
                    other => anyhow::bail!("{other}: {}", answer.text()),
                }
            }
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
        Ok(poster)
    }

    /// From the first that was put off until the last.
    fn was_put_off(&self) -> Duration {
        match (self.put_off.first(), self.put_off.last()) {
            (Some(first), Some(last)) => last.duration_since(*first),
            _ => Duration::ZERO,
        }
    }
}

/// A request that is held, and when it was answered.
fn held(
    hub: &Hub,
    request: Request,
) -> JoinHandle<Result<(testbed::client::http::Response, Instant)>> {
    let peer = Peer { address: hub.people, from: None, tls: None };
    tokio::spawn(async move {
        let answer = KeepAlive::new(Version::Http1, peer).send(&request).await?;
        Ok((answer, Instant::now()))
    })
}

async fn under_way(update: Update) -> Result<()> {
    let builder = |builder| update.builder(builder);
    let mut hub = lone_hub(&[instance()], &json!({}), builder).await?;
    Source::new(1, hub.people).says(instance(), "fail").await?;
    becomes(&hub, instance(), "dead", SOON).await?;
    let version = version_of(&assignment(&hub, "onlooker", None).await?).context("no version")?;
    let index = hub.get("/mesh/v1/health/subscribe").await?;
    let index: Value = serde_json::from_slice(&index.body)?;
    let subscribe = format!("/mesh/v1/health/subscribe?wait=20s&index={}", index["index"]);
    // On connections of several workers.
    let subscribers: Vec<_> = (0..8).map(|_| held(&hub, Request::new("GET", &subscribe))).collect();
    let follower = held(&hub, discovery("gateway-1", "payments", Some(&version)));
    tokio::time::sleep(Duration::from_millis(100)).await;

    let posts = tokio::spawn(Poster::run(hub.people, Instant::now() + Duration::from_secs(4)));
    tokio::time::sleep(Duration::from_millis(300)).await;
    update.begin(&mut hub).await?;
    if update.changes_configuration() {
        owners_are(&hub, 2).await?;
    }
    let end = Instant::now() + Duration::from_secs(3);
    while Instant::now() < end {
        let now = version_of(&assignment(&hub, "onlooker", None).await?);
        ensure!(now.as_deref() == Some(&*version), "the version is {now:?} and not {version:?}");
        let now = verdict(&hub, instance()).await?;
        ensure!(now == "dead", "{now}");
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    let poster = posts.await??;
    let put_off = poster.was_put_off();
    ensure!(put_off < PUT_OFF, "put off for {put_off:?}");
    ensure!(poster.accepted > 50, "{} were accepted", poster.accepted);
    // None of those that wait was lost.
    let (answer, _) = follower.await??;
    ensure!(answer.status == 304, "{} {}", answer.status, answer.text());
    Source::new(1, hub.people).says(instance(), "pass").await?;
    let told = Instant::now();
    for subscriber in subscribers {
        let (answer, at) = tokio::time::timeout(SOON, subscriber).await???;
        ensure!(answer.status == 200, "{} {}", answer.status, answer.text());
        ensure!(at.saturating_duration_since(told) < SOON, "answered late");
    }
    becomes(&hub, instance(), "alive", SOON).await?;
    let counted = hub.envoy.prometheus().await?;
    let counted = ["accepted", "duplicate", "late"].iter().map(|result| {
        let series = format!(r#"heartbeat_mesh_event_total{{source="a",result="{result}"}}"#);
        Ok(counted.get(&series)?.unwrap_or_default())
    });
    let counted: f64 = counted.sum::<Result<f64>>()?;
    let accepted = poster.accepted + 2;
    ensure!(counted == accepted as f64, "{counted} of {accepted} events were counted");
    is_well(&hub).await
}

/// How often a VM has begun to own the table.
fn owners(hub: &Hub) -> Result<usize> {
    Ok(hub.envoy.log()?.matches(", at work for ").count())
}

/// Waits until so many have.
async fn owners_are(hub: &Hub, count: usize) -> Result<()> {
    let owned = async || {
        let now = owners(hub)?;
        ensure!(now == count, "{now} VMs have owned the table, and not {count}");
        Ok(())
    };
    eventually(Duration::from_secs(10), owned).await.map(drop)
}

async fn owner_removed() -> Result<()> {
    // Both listeners without TLS, so that either can be asked.
    let hub = lone_hub(&[instance()], &json!({}), |builder| {
        let builder = builder.listeners_in_file(true).drain_time(Duration::from_secs(1));
        builder.patch_filter_chains(&json!({ "transport_socket": null }))
    })
    .await?;
    let left = hub.mesh;
    Source::new(1, left).says(instance(), "fail").await?;
    // That for people gets a configuration of its own, and as the newer one the table.
    let other = config(&[instance()], &json!({ "hold": "3s" }));
    let mut listeners = hub.envoy.listeners()?;
    for listener in listeners.as_array_mut().into_iter().flatten() {
        if listener["name"] == "people" {
            *listener = updated(&json!([listener]), &other)[0].take();
        }
    }
    hub.envoy.set_listeners(&listeners)?;
    owners_are(&hub, 2).await?;
    if let Some(listeners) = listeners.as_array_mut() {
        listeners.retain(|it| it["name"] != "people");
    }
    hub.envoy.set_listeners(&listeners)?;
    let poster = Poster::run(left, Instant::now() + Duration::from_secs(5)).await?;
    let put_off = poster.was_put_off();
    ensure!(put_off < PUT_OFF, "put off for {put_off:?}");
    owners_are(&hub, 3).await?;
    let hub = Hub { people: left, ..hub };
    becomes(&hub, instance(), "dead", SOON).await?;
    Source::new(1, left).says(instance(), "pass").await?;
    becomes(&hub, instance(), "alive", SOON).await?;
    is_well(&hub).await
}
