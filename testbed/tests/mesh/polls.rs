//! Instances that the hub asks in rounds how they are.

use std::net::SocketAddr;
use std::time::Duration;

use anyhow::{Result, ensure};
use libtest_mimic::Trial;
use rustix::process::Signal;
use serde_json::{Value, json};
use testbed::app::Application;
use testbed::app::behaviour::{Behaviour, Deviation};
use testbed::envoy::EnvoyBuilder;
use testbed::mesh::{self, GrpcServer, Hub};

use crate::stack::{SOON, assigned, config, eventually, is_well};
use crate::trial;
use crate::verdicts::{becomes, stays, verdict};

pub fn trials() -> Vec<Trial> {
    vec![
        trial("polls::too_many_requests_and_a_mark_of_degradation_are_no_death", degraded),
        trial("polls::one_failure_suspects_and_convicts_nobody", one_failure),
        trial("polls::a_refused_connection_and_a_late_answer_are_failures", failures),
        trial("polls::a_cluster_that_envoy_does_not_have_is_named_and_convicts_nobody", no_cluster),
        trial("polls::a_check_asks_for_the_service_that_it_names", named_service),
    ]
}

/// An instance that is only asked: nobody routes to it here.
pub const INSTANCE: &str = "127.128.0.1:1";

pub fn instance() -> SocketAddr {
    SocketAddr::from(([127, 128, 0, 1], 1))
}

/// A hub that asks one source of [`INSTANCE`], at `address`.
pub async fn hub_that_asks(
    source: &Value,
    address: SocketAddr,
    change: impl FnOnce(EnvoyBuilder) -> EnvoyBuilder,
) -> Result<Hub> {
    let mut source = source.clone();
    source["name"] = json!("asked");
    source["service"] = json!("payments");
    source["instance"] = json!(INSTANCE);
    let mut config = config(&[instance()], &json!({}));
    config["sources"] = json!([source]);
    let authority = mesh::authority()?;
    let builder = mesh::envoy_of_hub(&crate::tools(), &authority, &config)?
        .destination("payments_health", address)
        .destination("payments_grpc_health", address);
    // The authority's files must be there until it has started.
    let hub = Hub::start(change(builder)).await?;
    eventually(LISTENS, async || {
        let answer = hub.get("/mesh/v1/ready").await?;
        ensure!(answer.status == 200, "{} {}", answer.status, answer.text());
        Ok(())
    })
    .await?;
    Ok(hub)
}

/// How long a hub may listen before it says anything.
const LISTENS: Duration = Duration::from_secs(10);

const PATH: &str = "/readyz";

fn poll(interval: &str) -> Value {
    json!({ "http": { "cluster": "payments_health", "path": PATH },
            "interval": interval, "timeout": "100ms", "fall": 2 })
}

/// An application whose answers to polls deviate.
async fn behaves(application: &Application, deviation: Deviation) -> Result<()> {
    let paths = [(PATH.to_owned(), deviation)].into();
    application.behave(&Behaviour { paths, ..Behaviour::default() }).await
}

async fn degraded() -> Result<()> {
    let application = Application::start(&crate::tools())?;
    let hub = hub_that_asks(&poll("200ms"), application.addresses.http, |it| it).await?;
    becomes(&hub, instance(), "alive", SOON).await?;
    let status = |status| Deviation { status: Some(status), ..Deviation::default() };
    let mark = [("x-envoy-degraded".to_owned(), "true".to_owned())].into();
    for deviation in [status(429), Deviation { headers: mark, ..Deviation::default() }] {
        behaves(&application, deviation).await?;
        becomes(&hub, instance(), "degraded", SOON).await?;
        assigned(&hub, instance(), "DEGRADED").await?;
        stays(&hub, instance(), "degraded", Duration::from_millis(500)).await?;
        application.behave(&Behaviour::default()).await?;
        becomes(&hub, instance(), "alive", SOON).await?;
    }
    behaves(&application, status(302)).await?;
    stays(&hub, instance(), "alive", Duration::from_millis(500)).await?;
    is_well(&hub).await
}

async fn one_failure() -> Result<()> {
    let application = Application::start(&crate::tools())?;
    let hub = hub_that_asks(&poll("300ms"), application.addresses.http, |it| it).await?;
    becomes(&hub, instance(), "alive", SOON).await?;
    let once = Deviation { status: Some(503), times: Some(1), ..Deviation::default() };
    behaves(&application, once).await?;
    becomes(&hub, instance(), "suspected", SOON).await?;
    let took = eventually(SOON, async || {
        let verdict = verdict(&hub, instance()).await?;
        // What was only suspected is well again with the next answer.
        ensure!(verdict != "suspected", "{verdict}");
        Ok(())
    })
    .await?;
    ensure!(verdict(&hub, instance()).await? == "alive");
    ensure!(took < Duration::from_secs(1), "suspected for {took:?}");
    is_well(&hub).await
}

async fn failures() -> Result<()> {
    let mut application = Application::start(&crate::tools())?;
    let hub = hub_that_asks(&poll("200ms"), application.addresses.http, |it| it).await?;
    becomes(&hub, instance(), "alive", SOON).await?;
    application.signal(Signal::KILL)?;
    becomes(&hub, instance(), "dead", SOON).await?;
    stays(&hub, instance(), "dead", Duration::from_millis(500)).await?;
    application.restart(&crate::tools()).await?;
    becomes(&hub, instance(), "alive", SOON).await?;
    let late = Deviation { delay_ms: 150, ..Deviation::default() };
    behaves(&application, late).await?;
    becomes(&hub, instance(), "dead", SOON).await?;
    application.behave(&Behaviour::default()).await?;
    becomes(&hub, instance(), "alive", SOON).await?;
    is_well(&hub).await
}

async fn no_cluster() -> Result<()> {
    let application = Application::start(&crate::tools())?;
    let mut source = poll("200ms");
    source["http"]["cluster"] = json!("misspelt");
    let hub = hub_that_asks(&source, application.addresses.http, |it| it).await?;
    let named = r#"source "asked": Envoy has no cluster "misspelt""#;
    eventually(SOON, async || {
        ensure!(hub.envoy.log()?.contains(named), "{}", hub.envoy.log()?);
        Ok(())
    })
    .await?;
    becomes(&hub, instance(), "unknown", SOON).await?;
    stays(&hub, instance(), "unknown", Duration::from_secs(1)).await?;
    assigned(&hub, instance(), "").await?;
    let said = hub.envoy.log()?.matches(named).count();
    ensure!(said == 1, "the log says it {said} times");
    is_well(&hub).await
}

async fn named_service() -> Result<()> {
    let mut server = GrpcServer::start(&crate::tools(), &json!({}))?;
    server.says("pay", "SERVING")?;
    let source = json!({ "grpc": { "cluster": "payments_grpc_health", "service": "pay" },
                         "interval": "200ms", "timeout": "150ms" });
    let hub = hub_that_asks(&source, server.address, |it| it).await?;
    becomes(&hub, instance(), "alive", SOON).await?;
    server.says("", "NOT_SERVING")?;
    stays(&hub, instance(), "alive", Duration::from_millis(500)).await?;
    server.says("", "SERVING")?;
    server.says("pay", "NOT_SERVING")?;
    becomes(&hub, instance(), "dead", SOON).await?;
    server.says("pay", "SERVING")?;
    becomes(&hub, instance(), "alive", SOON).await?;
    is_well(&hub).await
}
