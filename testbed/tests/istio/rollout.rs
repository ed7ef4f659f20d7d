//! The filter comes to one workload, then to all, and goes again, while traffic comes all
//! the time.

use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use anyhow::{Result, bail, ensure};
use serde_json::json;
use testbed::app::Application;
use testbed::client::connection::KeepAlive;
use testbed::client::http::{Request, Version, fetch};
use testbed::envoy::EnvoyBuilder;
use testbed::tools::Tools;
use tokio::task::JoinHandle;

use crate::istiod::Istiod;
use crate::proxy::{Pod, Proxy, TIMEOUT};
use crate::sidecar::Form;
use crate::workload;

/// How long a listener lives on that has been replaced, and with it the machines that it
/// had. Istio's agent gives it 45 s, and asks clients at once to close their connections.
const DRAIN: Duration = Duration::from_secs(3);

/// One pod with the label that the plugin asks for at first, and one without.
pub async fn canary(tools: &Tools) -> Result<()> {
    let application = Application::start(tools)?;
    let istiod = Istiod::start(tools).await?;
    let canary = Pod::labelled(json!({ "app": "payments", "heartbeat": "canary" }), at(2));
    let stable = Pod::labelled(json!({ "app": "payments", "heartbeat": "stable" }), at(3));
    let mut proxies = vec![];
    for pod in [&canary, &stable] {
        let address = pod.address.ip().to_string();
        let listener = workload::inbound_of(pod.labels(), &address, application.addresses.http)?;
        istiod.apply(&listener).await?;
        let drains = |it: EnvoyBuilder| it.drain_time(DRAIN).drain_at_once();
        let proxy = Proxy::start_in(tools, &istiod, pod, drains).await?;
        proxy.answers("/orders/1", 200).await?;
        proxies.push(proxy);
    }
    let [canary, stable] = &proxies[..] else { bail!("two pods") };
    let load: Vec<_> = proxies.iter().map(|proxy| Load::start(proxy.address)).collect();
    has(canary, false).await?;
    has(stable, false).await?;

    let everywhere = Form::WasmPlugin.shipped(tools)?;
    let mut first = everywhere.clone();
    first["spec"]["selector"]["matchLabels"] = json!({ "app": "payments", "heartbeat": "canary" });
    istiod.apply(&first.to_string()).await?;
    has(canary, true).await?;
    has(stable, false).await?;

    istiod.apply(&everywhere.to_string()).await?;
    has(stable, true).await?;
    has(canary, true).await?;

    istiod.apply(&first.to_string()).await?;
    has(stable, false).await?;
    has(canary, true).await?;

    istiod.remove(&first.to_string()).await?;
    has(canary, false).await?;
    for load in load {
        let sent = load.stop().await?;
        ensure!(sent > 1000, "only {sent} requests");
    }
    for proxy in &proxies {
        proxy.took_all().await?;
    }
    Ok(())
}

fn at(number: u8) -> SocketAddr {
    SocketAddr::from(([127, 0, 0, number], 8086))
}

/// Waits until a pod has the filter, or hasn't: by what its probe gets, and by the metric
/// that says how many virtual machines run.
async fn has(proxy: &Proxy, wanted: bool) -> Result<()> {
    let start = Instant::now();
    loop {
        let answer = fetch(proxy.address, &Request::new("GET", "/livez")).await?;
        ensure!(answer.status == 200, "a probe got {}", answer.status);
        let answers = answer.headers.iter().any(|(name, _)| name == "x-heartbeat-status");
        let metrics = proxy.envoy.prometheus().await?;
        let machines = metrics.sum("envoy_wasm_envoy_wasm_runtime_v8_active");
        let loads = metrics.sum("heartbeat_config_loads_total");
        if answers == wanted && (machines > 0.0) == wanted && (loads > 0.0 || !wanted) {
            return Ok(());
        }
        ensure!(
            start.elapsed() < TIMEOUT,
            "has it: {wanted}? answers {answers}, {machines} machines, {loads} loads\n{}",
            proxy.envoy.admin_get("/stats?filter=wasm").await?
        );
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
}

/// Requests without end, on connections that stay and on new ones.
struct Load {
    stop: Arc<AtomicBool>,
    tasks: Vec<JoinHandle<Result<usize>>>,
}

impl Load {
    fn start(address: SocketAddr) -> Self {
        let stop = Arc::new(AtomicBool::new(false));
        let tasks = (0..4).map(|number| tokio::spawn(send(address, number, stop.clone())));
        Self { tasks: tasks.collect(), stop }
    }

    /// How many were answered: all of them, with 200.
    async fn stop(self) -> Result<usize> {
        self.stop.store(true, Ordering::Relaxed);
        let mut sent = 0;
        for task in self.tasks {
            sent += task.await??;
        }
        Ok(sent)
    }
}

async fn send(address: SocketAddr, number: usize, stop: Arc<AtomicBool>) -> Result<usize> {
    let mut sent = 0;
    let mut connection = KeepAlive::new(Version::Http1, address.into());
    while !stop.load(Ordering::Relaxed) {
        if number % 2 == 1 {
            connection = KeepAlive::new(Version::Http1, address.into());
        }
        let answer = connection.send(&Request::new("GET", "/orders/1")).await?;
        ensure!(answer.status == 200, "request {sent} of {number}: {}", answer.status);
        sent += 1;
        tokio::time::sleep(Duration::from_millis(2)).await;
    }
    Ok(sent)
}
