//! Who comes late, goes away or starts anew.

use std::time::Duration;

use anyhow::{Context, Result, ensure};
use testbed::app::Application;
use testbed::client::http::{self, Request};
use testbed::envoy::{Envoy, EnvoyBuilder, PluginConfig, Ports, port};
use testbed::prometheus::scraped;
use testbed::tools::Tools;

use crate::arrived::{Data, Point};
use crate::config;
use crate::sink::Sink;
use crate::{Test, eventually, found};

pub fn trials() -> Vec<Test> {
    vec![
        ("outages::counters_of_an_envoy_that_restarts_begin_anew", || crate::alone(restart())),
        ("outages::a_collector_may_start_before_its_envoy", || crate::alone(envoy_comes_late())),
        ("outages::what_nobody_takes_is_held_and_said", || crate::alone(nobody_takes_it())),
    ]
}

/// An Envoy that always has the same ports.
struct Proxy {
    application: Application,
    ports: Ports,
}

impl Proxy {
    fn prepare(tools: &Tools) -> Result<Self> {
        let ports = Ports { http: port::choose()?, admin: port::choose()? };
        Ok(Self { application: Application::start(tools)?, ports })
    }

    async fn start(&self, tools: &Tools) -> Result<Envoy> {
        let builder: EnvoyBuilder = scraped::envoy(tools)?
            .application("app", &self.application.addresses)
            .plugin_config(PluginConfig::Text(scraped::plugin_config()?.to_string()))
            .prefer(self.ports);
        let envoy = builder.start().await?;
        ensure!(envoy.admin.port() == self.ports.admin, "its port was taken");
        Ok(envoy)
    }

    fn admin(&self) -> std::net::SocketAddr {
        ([127, 0, 0, 1], self.ports.admin).into()
    }
}

async fn probe(envoy: &Envoy, times: usize) -> Result<()> {
    for _ in 0..times {
        http::fetch(envoy.http, &Request::new("GET", "/health")).await?;
    }
    Ok(())
}

/// The probes of the rule `health` that passed: the values that arrived.
fn passed(sink: &Sink) -> Vec<(Point, f64)> {
    let ours = |point: &Point| {
        point.attributes.get("probe").is_some_and(|it| it == "health")
            && point.attributes.get("outcome").is_some_and(|it| it == "pass")
    };
    let points = sink.of("heartbeat_probe_total").into_iter().filter(ours);
    points
        .filter_map(|point| match point.data {
            Data::Sum { value, .. } => Some((point, value)),
            _ => None,
        })
        .collect()
}

async fn restart() -> Result<()> {
    let tools = crate::tools();
    let sink = Sink::start(&tools).await?;
    let proxy = Proxy::prepare(&tools)?;
    let envoy = proxy.start(&tools).await?;
    let _collector = config::start(&tools, proxy.admin(), sink.address).await?;
    probe(&envoy, 7).await?;
    found("value of 7", || passed(&sink).into_iter().find(|(_, value)| *value == 7.0)).await?;

    envoy.stop()?;
    let envoy = proxy.start(&tools).await?;
    probe(&envoy, 3).await?;
    found("value of 3", || passed(&sink).into_iter().find(|(_, value)| *value == 3.0)).await?;
    probe(&envoy, 2).await?;
    found("value of 5", || passed(&sink).into_iter().rev().find(|(_, value)| *value == 5.0))
        .await?;

    let all = passed(&sink);
    for pair in all.windows(2) {
        let [(earlier, less), (later, more)] = pair else { continue };
        ensure!(earlier.time < later.time, "out of order: {earlier:?}, {later:?}");
        ensure!(less <= more || earlier.start < later.start, "{less}, then {more}: {later:?}");
    }
    let starts: std::collections::BTreeSet<_> = all.iter().map(|(point, _)| point.start).collect();
    ensure!(starts.len() >= 2, "it counts since {starts:?}");
    ensure!(all.iter().all(|(point, value)| *value >= 0.0 && point.start <= point.time), "{all:?}");
    Ok(())
}

/// Whether the target could be scraped, as it arrived last.
fn up(sink: &Sink) -> Option<f64> {
    match sink.of("up").pop()?.data {
        Data::Gauge(up) => Some(up),
        _ => None,
    }
}

async fn envoy_comes_late() -> Result<()> {
    let tools = crate::tools();
    let sink = Sink::start(&tools).await?;
    let proxy = Proxy::prepare(&tools)?;
    let _collector = config::start(&tools, proxy.admin(), sink.address).await?;
    found("word of the target's absence", || up(&sink).filter(|up| *up == 0.0)).await?;
    ensure!(sink.of("heartbeat_build_info").is_empty(), "it comes from nowhere");

    let _envoy = proxy.start(&tools).await?;
    found("target", || up(&sink).filter(|up| *up == 1.0)).await?;
    found("module", || sink.of("heartbeat_build_info").pop()).await?;
    Ok(())
}

async fn nobody_takes_it() -> Result<()> {
    let tools = crate::tools();
    let proxy = Proxy::prepare(&tools)?;
    let envoy = proxy.start(&tools).await?;
    let later = std::net::SocketAddr::from(([127, 0, 0, 1], port::choose()?));
    let collector = config::start(&tools, proxy.admin(), later).await?;
    eventually(async || {
        let log = collector.log()?;
        let said = log.lines().find(|line| line.contains("Exporting failed. Will retry"));
        let named = said
            .is_some_and(|line| line.contains("otlp_grpc") && line.contains("connection refused"));
        Ok(if named { vec![] } else { vec![format!("it doesn't say so:\n{log}")] })
    })
    .await?;
    probe(&envoy, 4).await?;
    tokio::time::sleep(Duration::from_secs(3)).await;
    ensure!(collector.is_healthy().await, "its health_check fails by that");

    let back = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH)?;
    let back = u64::try_from(back.as_nanos())?;
    let sink = Sink::start_at(&tools, later).await?;
    let held = found("point from the outage", || {
        passed(&sink).into_iter().find(|(point, value)| point.time < back && *value == 4.0)
    });
    held.await.with_context(|| collector.log().unwrap_or_default())?;
    Ok(())
}
