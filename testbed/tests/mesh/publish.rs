//! Sidecars that tell a hub how their application is.

use std::net::SocketAddr;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, ensure};
use libtest_mimic::Trial;
use rustix::process::Signal;
use serde_json::{Value, json};
use testbed::app::Application;
use testbed::client::tls::Authority;

use testbed::envoy::{Envoy, PluginConfig, Reloaded};
use testbed::mesh::{self, Client, Hub, Instances, Place};

use crate::stack::{SOON, config, eventually, is_well, nowhere};
use crate::trial;
use crate::verdicts::{becomes, stays, verdict};

pub fn trials() -> Vec<Trial> {
    vec![
        trial("publish::traffic_leaves_an_application_that_dies_and_comes_back_with_it", dies),
        trial("publish::an_application_that_is_frozen_is_dead", frozen),
        trial("publish::two_workers_beat_once_a_second_together", one_beat),
        trial("publish::a_sidecar_that_is_gone_is_known_by_its_silence", silence),
        trial("publish::a_hub_that_comes_back_is_told_at_once", hub_restarts),
        trial("publish::a_hub_that_refuses_is_one_line_that_says_why", refused),
        trial("publish::a_hub_that_knows_no_such_instance_says_so", unknown_instance),
        trial("publish::another_configuration_of_the_filter_moves_nobody", reloaded),
        trial("publish::who_drains_says_so", drains),
        trial("publish::a_variable_that_is_missing_or_odd_refuses_the_configuration", missing),
    ]
}

/// A sidecar, and a hub that listens to it.
struct Stack {
    authority: Authority,
    application: Application,
    sidecar: Envoy,
    place: Place,
    hub_place: Place,
    hub: Option<Hub>,
    instances: Instances,
}

/// A source at the hub that is whoever has this certificate.
fn source(principal: &str) -> Value {
    json!([{ "name": "sidecars", "allow": { "principals": [principal] },
             "beat": "1s", "silence": "down", "stale": "3s" }])
}

const PAYMENTS: &str = "spiffe://east/ns/shop/sa/payments";

/// What the sidecar looks at, and that it tells the first hub.
fn filter(patch: &Value) -> Value {
    let mut config = json!({
        "probes": [],
        "checks": [{ "name": "app", "http": { "cluster": "app", "path": "/healthz" },
                     "interval": "100ms", "timeout": "80ms", "rise": 1, "fall": 1 }],
        "admin": { "cluster": "envoy_admin", "interval": "100ms" },
        "publish": { "cluster": "hub_1", "service": "payments", "instance": "${INSTANCE}",
                     "when": [{ "check": "app" }, { "server": "live" }] },
    });
    testbed::envoy::merge::merge(&mut config, patch);
    config
}

impl Stack {
    async fn start(principal: &str, patch: &Value) -> Result<Self> {
        let tools = crate::tools();
        let (authority, instances) = (mesh::authority()?, Instances::start().await?);
        let application = Application::start(&tools)?;
        let (place, hub_place) = (Place::choose()?, Place::choose()?);
        let hub = Self::start_hub(&authority, &instances, place, hub_place, principal).await?;
        let hubs = [hub.mesh, nowhere()?];
        let app = application.addresses.http;
        let builder = mesh::envoy_of_sidecar(&tools, &authority, place, app, hubs, &filter(patch))?;
        let sidecar = place.start(builder.dynamic(true)).await?;
        let hub = Some(hub);
        Ok(Self { authority, application, sidecar, place, hub_place, hub, instances })
    }

    async fn start_hub(
        authority: &Authority,
        instances: &Instances,
        place: Place,
        hub_place: Place,
        principal: &str,
    ) -> Result<Hub> {
        let mut config = config(&[place.mesh(), instances.address(2)], &json!({}));
        config["sources"] = source(principal);
        let builder = mesh::envoy_of_hub(&crate::tools(), authority, &config)?;
        Hub::start_at(builder, hub_place).await
    }

    fn hub(&self) -> Result<&Hub> {
        self.hub.as_ref().context("the hub is gone")
    }

    fn instance(&self) -> SocketAddr {
        self.place.mesh()
    }

    async fn becomes(&self, wanted: &str, within: Duration) -> Result<()> {
        let becomes = becomes(self.hub()?, self.instance(), wanted, within).await;
        becomes.with_context(|| self.words())
    }

    /// What the filter has said.
    fn words(&self) -> String {
        let log = self.sidecar.log().unwrap_or_default();
        let words: Vec<_> = log.lines().filter(|line| line.contains("heartbeat-filter")).collect();
        words.join("\n")
    }

    async fn logs(&self, line: &str) -> Result<()> {
        eventually(SOON, async || {
            ensure!(self.sidecar.log()?.contains(line), "no {line:?} in {}", self.sidecar.log()?);
            Ok(())
        })
        .await
        .map(drop)
    }

    async fn count(&self, result: &str) -> Result<f64> {
        let series = format!("heartbeat_publish_total{{result=\"{result}\"}}");
        Ok(self.sidecar.prometheus().await?.get(&series)?.unwrap_or_default())
    }
}

/// A hub listens before it says anything, two beats at least.
const LISTENS: Duration = Duration::from_secs(10);

async fn dies() -> Result<()> {
    let mut stack = Stack::start(PAYMENTS, &json!({})).await?;
    stack.becomes("alive", LISTENS).await?;
    let hubs = [stack.hub()?.mesh, nowhere()?];
    let builder = Client::envoy(&crate::tools(), &stack.authority, "gateway-1", hubs)?;
    let client = Client::start(builder).await?;
    client.reaches("membership_healthy", 2, SOON).await?;
    stack.application.signal(Signal::KILL)?;
    let killed = Instant::now();
    client.reaches("membership_healthy", 1, SOON).await?;
    let took = killed.elapsed();
    // The check is made every 100 ms, and one bad answer is enough.
    ensure!(took < Duration::from_millis(500), "traffic left after {took:?}");
    ensure!(verdict(stack.hub()?, stack.instance()).await? == "dead");
    stack.application.restart(&crate::tools()).await?;
    client.reaches("membership_healthy", 2, SOON).await?;
    stack.becomes("alive", SOON).await?;
    is_well(stack.hub()?).await
}

async fn frozen() -> Result<()> {
    let stack = Stack::start(PAYMENTS, &json!({})).await?;
    stack.becomes("alive", LISTENS).await?;
    stack.application.signal(Signal::STOP)?;
    stack.becomes("dead", SOON).await?;
    stack.application.signal(Signal::CONT)?;
    stack.becomes("alive", SOON).await
}

async fn one_beat() -> Result<()> {
    let stack = Stack::start(PAYMENTS, &json!({})).await?;
    stack.becomes("alive", LISTENS).await?;
    let before = stack.count("accepted").await?;
    tokio::time::sleep(Duration::from_secs(6)).await;
    let beats = stack.count("accepted").await? - before;
    ensure!((5.0..=8.0).contains(&beats), "{beats} beats in 6 s");
    for result in ["refused", "failed", "timeout", "unreachable", "no_cluster"] {
        let count = stack.count(result).await?;
        ensure!(count == 0.0, "{count} {result}");
    }
    Ok(())
}

async fn silence() -> Result<()> {
    let mut stack = Stack::start(PAYMENTS, &json!({})).await?;
    stack.becomes("alive", LISTENS).await?;
    stack.sidecar.signal(Signal::STOP)?;
    stack.becomes("dead", Duration::from_secs(6)).await?;
    stack.sidecar.signal(Signal::CONT)?;
    stack.becomes("alive", SOON).await?;
    ensure!(stack.sidecar.exited()?.is_none());
    Ok(())
}

async fn hub_restarts() -> Result<()> {
    let mut stack = Stack::start(PAYMENTS, &json!({})).await?;
    stack.becomes("alive", LISTENS).await?;
    drop(stack.hub.take());
    let name = format!("what is published of \"{}\"", stack.instance());
    let away = format!("the hub (cluster \"hub_1\") doesn't take {name}: ");
    eventually(Duration::from_secs(6), async || {
        ensure!(stack.sidecar.log()?.contains(&away), "{}", stack.sidecar.log()?);
        Ok(())
    })
    .await?;
    let Stack { authority, instances, place, hub_place, .. } = &stack;
    let hub = Stack::start_hub(authority, instances, *place, *hub_place, PAYMENTS).await?;
    stack.hub = Some(hub);
    stack.logs(&format!("the hub (cluster \"hub_1\") takes again {name}")).await?;
    stack.becomes("alive", LISTENS).await?;
    let said = stack.sidecar.log()?.matches(&away).count();
    ensure!(said == 1, "the log says it {said} times");
    Ok(())
}

async fn refused() -> Result<()> {
    let stack = Stack::start("spiffe://east/ns/shop/sa/ledger", &json!({})).await?;
    let line = "answered 403 (its \"allow\" names this proxy's certificate or address for no source) {\"error\":\"you aren't one of those who may speak for a source";
    stack.logs(line).await?;
    tokio::time::sleep(Duration::from_secs(3)).await;
    let said = stack.sidecar.log()?.matches("answered 403").count();
    ensure!(said == 1, "the log says it {said} times: {}", stack.words());
    let refused = stack.count("refused").await?;
    ensure!((3.0..=8.0).contains(&refused), "{refused} were refused in 3 s and more");
    Ok(())
}

async fn unknown_instance() -> Result<()> {
    let patch = json!({ "publish": { "instance": "10.1.0.5:1" } });
    let stack = Stack::start(PAYMENTS, &patch).await?;
    stack
        .logs("answered 202 {\"accepted\":0,\"refused\":[{\"index\":0,\"field\":\"instance_id\"")
        .await
}

async fn reloaded() -> Result<()> {
    let mut stack = Stack::start(PAYMENTS, &json!({})).await?;
    stack.becomes("alive", LISTENS).await?;
    for every in ["900ms", "1s"] {
        let config = filter(&json!({ "publish": { "every": every } })).to_string();
        let reloaded = stack.sidecar.reload(&PluginConfig::Text(config)).await?;
        ensure!(reloaded == Reloaded::Taken, "{}", stack.sidecar.log()?);
        stays(stack.hub()?, stack.instance(), "alive", Duration::from_secs(5)).await?;
    }
    // The latest is at work.
    stack.application.signal(Signal::KILL)?;
    stack.becomes("dead", SOON).await
}

async fn drains() -> Result<()> {
    let stack = Stack::start(PAYMENTS, &json!({})).await?;
    stack.becomes("alive", LISTENS).await?;
    stack.sidecar.admin_post("/healthcheck/fail").await?;
    stack.becomes("draining", SOON).await?;
    // On its way out an application may well be gone before its proxy.
    stack.application.signal(Signal::KILL)?;
    stays(stack.hub()?, stack.instance(), "draining", Duration::from_secs(2)).await
}

async fn missing() -> Result<()> {
    let (tools, authority) = (crate::tools(), mesh::authority()?);
    let place = Place::choose()?;
    for (name, value, problem) in [
        (
            "OTHER",
            "10.1.0.5",
            "publish.instance: \"${HOST}:80\" needs HOST, which isn't set for the VM",
        ),
        ("HOST", "", "publish.instance: \"${HOST}:80\" needs HOST, which isn't set for the VM"),
        (
            "HOST",
            "a\n\u{e9}\"",
            "publish.instance: \"${HOST}:80\" is not what a hub calls anything",
        ),
    ] {
        let config = filter(&json!({ "publish": { "instance": "${HOST}:80" } }));
        let hubs = [nowhere()?, nowhere()?];
        let builder = mesh::envoy_of_sidecar(&tools, &authority, place, nowhere()?, hubs, &config)?;
        let error = builder.variable(name, value).validate().err().context("it was taken")?;
        ensure!(format!("{error:#}").contains(problem), "{error:#}");
    }
    Ok(())
}
