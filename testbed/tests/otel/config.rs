//! The shipped files, adapted to this machine: other addresses, and nobody waits for quarters
//! of a minute here. All else is as it is shipped.

use std::net::SocketAddr;
use std::path::PathBuf;

use anyhow::{Result, ensure};
use serde_json::{Value, json};
use testbed::envoy::port;
use testbed::prometheus;
use testbed::tools::Tools;

use crate::collector::Collector;

/// The target in the shipped file.
const TARGET: &str = "127.0.0.1:9901";

/// Names the receiver of OTLP.
pub const ENDPOINT: &str = "OTEL_EXPORTER_OTLP_ENDPOINT";

/// The file for stock Envoy, and what Istio adds.
pub fn files() -> [PathBuf; 2] {
    ["otel-collector.yaml", "otel-collector-istio.yaml"]
        .map(|file| prometheus::shipped().join(file))
}

/// Both, read.
pub fn read() -> Result<[Value; 2]> {
    let [stock, istio] = files().map(|path| {
        let text = std::fs::read_to_string(&path)?;
        serde_saphyr::from_str(&text)
            .map_err(|error| anyhow::anyhow!("{}: {error}", path.display()))
    });
    Ok([stock?, istio?])
}

/// Starts a collector with the file for stock Envoy, which scrapes the admin interface `envoy`
/// and sends to `otlp`.
pub async fn start(tools: &Tools, envoy: SocketAddr, otlp: SocketAddr) -> Result<Collector> {
    start_with(tools, envoy, &format!("http://{otlp}")).await
}

/// The same with another scheme.
pub async fn start_with(tools: &Tools, envoy: SocketAddr, endpoint: &str) -> Result<Collector> {
    let [mut config, _] = read()?;
    let target = "/receivers/prometheus/config/scrape_configs/0/static_configs/0/targets/0";
    let target = config.pointer_mut(target).filter(|target| **target == TARGET);
    ensure!(target.is_some(), "the shipped target isn't {TARGET} any more");
    target.into_iter().for_each(|it| *it = json!(envoy));
    run(tools, vec![config], endpoint).await
}

/// Starts one with both files, which asks the Kubernetes API at `api` whom to scrape.
pub async fn start_in_istio(tools: &Tools, api: SocketAddr, otlp: SocketAddr) -> Result<Collector> {
    let [config, mut istio] = read()?;
    let discovery = "/receivers/prometheus/config/scrape_configs/0/kubernetes_sd_configs/0";
    let discovery = istio.pointer_mut(discovery).filter(|it| it["role"] == "pod");
    ensure!(discovery.is_some(), "the shipped file doesn't look for pods any more");
    discovery.into_iter().for_each(|it| it["api_server"] = json!(format!("http://{api}")));
    run(tools, vec![config, istio], &format!("http://{otlp}")).await
}

async fn run(tools: &Tools, mut configs: Vec<Value>, endpoint: &str) -> Result<Collector> {
    let health = SocketAddr::from(([127, 0, 0, 1], port::choose()?));
    let own_metrics = json!({ "host": "127.0.0.1", "port": port::choose()? });
    let config = &mut configs[0];
    config["extensions"]["health_check"]["endpoint"] = json!(health);
    for interval in ["scrape_interval", "scrape_timeout"] {
        config["receivers"]["prometheus"]["config"]["global"][interval] = json!("1s");
    }
    config["service"]["telemetry"] = json!({ "metrics": { "readers": [{ "pull": { "exporter": { "prometheus": own_metrics } } }] } });
    Collector::start(tools, &configs, health, &[(ENDPOINT, endpoint)]).await
}
