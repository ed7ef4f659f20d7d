//! Sources that the hub asks: over HTTP, by gRPC, and another hub.

use std::net::SocketAddr;
use std::time::{Duration, Instant};

use anyhow::{Result, ensure};
use libtest_mimic::Trial;
use rustix::process::Signal;
use serde_json::{Value, json};
use testbed::app::Application;
use testbed::app::behaviour::{Behaviour, Deviation, ServingStatus};
use testbed::mesh::{self, Hub, Instances, Source};

use crate::stack::{SOON, assigned, config, is_well, judged, lone_hub};
use crate::trial;

pub fn trials() -> Vec<Trial> {
    vec![
        trial("asked::a_poll_that_fails_twice_convicts_alone", http),
        trial("asked::a_check_says_what_the_instance_says", async || grpc(false).await),
        trial("asked::a_watch_tells_at_once", async || grpc(true).await),
        trial("asked::a_watched_instance_that_is_killed_is_dead_at_once", killed),
        trial("asked::another_hub_is_a_source", another_hub),
    ]
}

/// A hub whose one source is asked, of the instance.
async fn asking(instance: SocketAddr, source: Value, to: SocketAddr) -> Result<Hub> {
    let mut source = source;
    source["name"] = json!("asked");
    source["service"] = json!("payments");
    source["instance"] = json!(instance.to_string());
    let patch = json!({ "sources": [source] });
    let (tools, authority) = (crate::tools(), mesh::authority()?);
    let mut config = config(&[instance], &json!({ "sources": null }));
    config["sources"] = patch["sources"].clone();
    let builder = mesh::envoy_of_hub(&tools, &authority, &config)?;
    let builder =
        builder.destination("payments_health", to).destination("payments_grpc_health", to);
    Hub::start(builder).await
}

async fn http() -> Result<()> {
    let (application, instances) =
        (Application::start(&crate::tools())?, Instances::start().await?);
    let instance = instances.address(1);
    let source = json!({ "http": { "cluster": "payments_health", "path": "/readyz" },
                         "interval": "200ms", "timeout": "100ms", "fall": 2 });
    let hub = asking(instance, source, application.addresses.http).await?;
    judged(&hub, instance, "alive").await?;
    let sick = Deviation { status: Some(503), ..Deviation::default() };
    let behaviour =
        |it| Behaviour { paths: [("/readyz".into(), it)].into(), ..Behaviour::default() };
    application.behave(&behaviour(sick)).await?;
    assigned(&hub, instance, "UNHEALTHY").await?;
    application.behave(&Behaviour::default()).await?;
    assigned(&hub, instance, "").await?;
    // One that doesn't answer says the same.
    application.behave(&behaviour(Deviation { hang: true, ..Deviation::default() })).await?;
    assigned(&hub, instance, "UNHEALTHY").await?;
    is_well(&hub).await
}

async fn grpc(watch: bool) -> Result<()> {
    let (application, instances) =
        (Application::start(&crate::tools())?, Instances::start().await?);
    let instance = instances.address(1);
    let mut source = json!({ "grpc": { "cluster": "payments_grpc_health", "watch": watch } });
    if !watch {
        source["interval"] = json!("200ms");
        source["timeout"] = json!("100ms");
    }
    let hub = asking(instance, source, application.addresses.grpc).await?;
    judged(&hub, instance, "alive").await?;
    let says =
        |status| Behaviour { grpc: [(String::new(), status)].into(), ..Behaviour::default() };
    application.behave(&says(ServingStatus::NotServing)).await?;
    assigned(&hub, instance, "UNHEALTHY").await?;
    application.behave(&says(ServingStatus::Serving)).await?;
    assigned(&hub, instance, "").await?;
    is_well(&hub).await
}

async fn killed() -> Result<()> {
    let (application, instances) =
        (Application::start(&crate::tools())?, Instances::start().await?);
    let instance = instances.address(1);
    let source = json!({ "grpc": { "cluster": "payments_grpc_health", "watch": true } });
    let hub = asking(instance, source, application.addresses.grpc).await?;
    judged(&hub, instance, "alive").await?;
    // A Watch that ends is opened again at once where it has been open for a second.
    tokio::time::sleep(Duration::from_millis(1_200)).await;
    let start = Instant::now();
    application.signal(Signal::KILL)?;
    assigned(&hub, instance, "UNHEALTHY").await?;
    let took = start.elapsed();
    ensure!(took < Duration::from_millis(500), "after {took:?}");
    is_well(&hub).await
}

async fn another_hub() -> Result<()> {
    let instances = Instances::start().await?;
    let members = [1, 2].map(|number| instances.address(number));
    let patch = json!({ "readers": { "principals": ["spiffe://west/hub"] } });
    let west = lone_hub(&members, &patch, |builder| builder).await?;
    let mut source = Source::new(1, west.people);
    source.says(members[0], "fail").await?;
    source.says(members[1], "pass").await?;

    let (tools, authority) = (crate::tools(), mesh::authority()?);
    let mut config = config(&members, &json!({ "sources": null }));
    config["sources"] = json!([{ "name": "west", "hub": { "cluster": "hub_west" } }]);
    let builder = mesh::envoy_of_hub(&tools, &authority, &config)?;
    // Over the listener without TLS, as their authorities aren't the same here.
    let plain = json!({ "static_resources": { "clusters": [
        { "name": "hub_west", "transport_socket": null }] } });
    let east = Hub::start(builder.patch(&plain).destination("hub_west", west.people)).await?;
    assigned(&east, members[0], "UNHEALTHY").await?;
    judged(&east, members[1], "alive").await?;
    source.says(members[1], "fail").await?;
    let took = assigned(&east, members[1], "UNHEALTHY").await?;
    ensure!(took < Duration::from_millis(500), "after {took:?}");
    // A hub that is gone is silent, which is no death: the last verdicts stand.
    source.says(members[1], "pass").await?;
    assigned(&east, members[1], "").await?;
    judged(&east, members[1], "alive").await?;
    drop(west);
    tokio::time::sleep(SOON).await;
    judged(&east, members[1], "alive").await?;
    assigned(&east, members[0], "UNHEALTHY").await?;
    is_well(&east).await
}
