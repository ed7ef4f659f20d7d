//! Instances that tell the hub of their own accord how they are: gRPC's health service, as
//! others have written it.

use std::time::{Duration, Instant};

use anyhow::{Result, ensure};
use libtest_mimic::Trial;
use rustix::process::Signal;
use serde_json::{Value, json};
use testbed::mesh::{GrpcServer, Hub};

use crate::polls::{hub_that_asks, instance};
use crate::stack::{SOON, assigned, is_well};
use crate::trial;
use crate::verdicts::{becomes, stays};

pub fn trials() -> Vec<Trial> {
    vec![
        trial("watches::a_change_is_told_at_once", told),
        trial("watches::a_killed_server_is_dead_at_once", killed),
        trial("watches::a_server_that_closes_old_connections_stays_alive", old_connections),
        trial("watches::a_server_that_takes_pings_for_an_attack_stays_alive", pings),
        trial("watches::a_server_that_hangs_is_found_out_and_comes_back", hangs),
    ]
}

/// Far less than the Checks beside a Watch would take that are made so seldom.
const AT_ONCE: Duration = Duration::from_millis(500);
const SELDOM: &str = "20s";

fn watch(interval: &str, timeout: &str) -> Value {
    json!({ "grpc": { "cluster": "payments_grpc_health", "watch": true },
            "interval": interval, "timeout": timeout })
}

/// A server, and a hub that watches it.
async fn watched(options: Value, source: Value, keepalive: &str) -> Result<(GrpcServer, Hub)> {
    let server = GrpcServer::start(&crate::tools(), &options)?;
    let patch = json!({ "static_resources": { "clusters": [{ "name": "payments_grpc_health",
        "typed_extension_protocol_options": {
            "envoy.extensions.upstreams.http.v3.HttpProtocolOptions": { "explicit_http_config": {
                "http2_protocol_options": { "connection_keepalive": {
                    "interval": keepalive, "timeout": "1s" } } } } } }] } });
    let hub = hub_that_asks(&source, server.address, |builder| builder.patch(&patch)).await?;
    becomes(&hub, instance(), "alive", SOON).await?;
    Ok((server, hub))
}

async fn told() -> Result<()> {
    let (mut server, hub) = watched(json!({}), watch(SELDOM, "1s"), "310s").await?;
    for _ in 0..3 {
        for (status, verdict) in [("NOT_SERVING", "dead"), ("SERVING", "alive")] {
            server.says("", status)?;
            // Whoever was dead is alive a while later, longer each time.
            let within = if verdict == "dead" { AT_ONCE } else { SOON };
            becomes(&hub, instance(), verdict, within).await?;
        }
    }
    is_well(&hub).await
}

async fn killed() -> Result<()> {
    let (server, hub) = watched(json!({}), watch(SELDOM, "1s"), "310s").await?;
    let start = Instant::now();
    server.signal(Signal::KILL)?;
    assigned(&hub, instance(), "UNHEALTHY").await?;
    ensure!(start.elapsed() < AT_ONCE, "after {:?}", start.elapsed());
    becomes(&hub, instance(), "dead", AT_ONCE).await?;
    stays(&hub, instance(), "dead", AT_ONCE).await?;
    is_well(&hub).await
}

/// How many connections the hub has made to the server.
async fn connections(hub: &Hub) -> Result<u64> {
    let stat = "/stats?filter=^cluster\\.payments_grpc_health\\.upstream_cx_total$";
    let page = hub.envoy.admin_get(stat).await?;
    Ok(page.trim().rsplit(": ").next().unwrap_or_default().parse()?)
}

async fn old_connections() -> Result<()> {
    let options = json!({ "grpc.max_connection_age_ms": 1_200,
                          "grpc.max_connection_age_grace_ms": 100 });
    let (mut server, hub) = watched(options, watch("1s", "1s"), "310s").await?;
    let before = connections(&hub).await?;
    stays(&hub, instance(), "alive", Duration::from_secs(5)).await?;
    let more = connections(&hub).await? - before;
    ensure!(more >= 2, "{more} connections in 5 s: none was closed for its age");
    server.says("", "NOT_SERVING")?;
    becomes(&hub, instance(), "dead", AT_ONCE).await?;
    is_well(&hub).await
}

async fn pings() -> Result<()> {
    let (mut server, hub) = watched(json!({}), watch("1s", "1s"), "0.1s").await?;
    let before = connections(&hub).await?;
    stays(&hub, instance(), "alive", Duration::from_secs(4)).await?;
    let more = connections(&hub).await? - before;
    ensure!(more >= 2, "{more} connections in 4 s: no ping was taken for an attack");
    // Between two connections the Checks beside the Watch would be the first to tell.
    server.says("", "NOT_SERVING")?;
    becomes(&hub, instance(), "dead", SOON).await?;
    is_well(&hub).await
}

async fn hangs() -> Result<()> {
    let (server, hub) = watched(json!({}), watch("200ms", "150ms"), "310s").await?;
    server.signal(Signal::STOP)?;
    becomes(&hub, instance(), "dead", SOON).await?;
    stays(&hub, instance(), "dead", Duration::from_secs(1)).await?;
    server.signal(Signal::CONT)?;
    becomes(&hub, instance(), "alive", SOON).await?;
    is_well(&hub).await
}
