//! A sidecar that follows a hub: with what Istio's agent adds to its bootstrap where a pod is
//! annotated, and without it.

use std::collections::BTreeSet;
use std::net::SocketAddr;
use std::time::Instant;

use anyhow::{Context, Result, ensure};
use serde_json::{Value, json};
use tempfile::TempDir;
use testbed::client::http::{self, Request};
use testbed::client::tls::Authority;
use testbed::mesh::{self, Hub, Instances, Source};
use testbed::tools::Tools;

use crate::istiod::Istiod;
use crate::proxy::{Pod, Proxy, TIMEOUT};
use crate::workload;

/// Where the sidecar's listener for what goes out is.
const LISTENER: SocketAddr =
    SocketAddr::new(std::net::IpAddr::V4(std::net::Ipv4Addr::new(127, 0, 0, 4)), 8080);

const SERVICE: &str = "payments.mesh.example";

/// So many instances has it.
const MEMBERS: u16 = 3;

/// So many requests go to every instance, where it may take traffic.
const ROUNDS: usize = 10 * MEMBERS as usize;

/// Traffic goes where the hub says.
pub async fn followed(tools: &Tools) -> Result<()> {
    let stage = Stage::set(tools).await?;
    let (home, bootstrap) = stage.bootstrap()?;
    let proxy =
        Proxy::start_in(tools, &stage.istiod, &pod(), |it| it.config_yaml(&bootstrap)).await?;
    let all: BTreeSet<_> = (1..=MEMBERS).map(|it| stage.instances.address(it)).collect();
    until(&proxy, &all).await?;
    proxy.took_all().await?;

    let [first, rest] = [1..=1, 2..=MEMBERS]
        .map(|numbers| numbers.map(|it| stage.instances.address(it)).collect::<BTreeSet<_>>());
    let gone = *first.first().context("nobody")?;
    let mut source = Source::new(1, stage.hub.people);
    source.says(gone, "fail").await?;
    until(&proxy, &rest).await?;
    source.says(gone, "pass").await?;
    until(&proxy, &all).await?;
    drop(home);
    proxy.envoy.stop()
}

/// A pod that isn't annotated goes on without the service, and with all others.
pub async fn forgotten(tools: &Tools) -> Result<()> {
    let stage = Stage::set(tools).await?;
    let proxy = Proxy::start_in(tools, &stage.istiod, &pod(), |it| it).await?;
    let start = Instant::now();
    while ask(&proxy, "orders.shop.example").await.is_err() {
        ensure!(start.elapsed() < TIMEOUT, "other services are gone, too\n{}", proxy.envoy.log()?);
        tokio::time::sleep(std::time::Duration::from_millis(50)).await;
    }
    let answer = send(&proxy, SERVICE).await?;
    ensure!(answer.status == 503, "{} {}", answer.status, answer.text());
    let log = proxy.envoy.log()?;
    ensure!(log.contains("heartbeat_hub") && log.contains(SERVICE), "the log says nothing\n{log}");
    proxy.envoy.stop()
}

fn pod() -> Pod {
    Pod::labelled(json!({ "app": "checkout" }), LISTENER)
}

struct Stage {
    authority: Authority,
    instances: Instances,
    hub: Hub,
    istiod: Istiod,
}

impl Stage {
    /// A hub with instances, and an istiod that has the shipped resources.
    async fn set(tools: &Tools) -> Result<Self> {
        let authority = mesh::authority()?;
        authority.certify(
            "hub",
            &["heartbeat-hub.east.example", "spiffe://cluster.local/ns/heartbeat/sa/hub"],
        )?;
        authority.certify("checkout", &["spiffe://cluster.local/ns/shop/sa/checkout"])?;
        let instances = Instances::start().await?;
        let members: Vec<_> =
            (1..=MEMBERS).map(|it| json!({ "id": instances.address(it).to_string() })).collect();
        let config = json!({
            "services": [{ "name": "payments", "members": members }],
            "sources": [{ "name": "a", "allow": {
                "cidrs": [format!("{}/32", Source::address(1))], "address": "trusted" }, "stale": "60s" }],
            "readers": { "principals": ["spiffe://cluster.local/ns/shop/*"] },
            "recover": { "after": "100ms", "at_most": "1s" },
        });
        let hub = Hub::start(mesh::envoy_of_hub(tools, &authority, &config)?).await?;
        let istiod = Istiod::start(tools).await?;
        for resource in ["ServiceEntry", "EnvoyFilter"] {
            let resource = workload::shipped("mesh/envoyfilter.yaml", resource)?;
            istiod.apply(&resource.to_string()).await?;
        }
        istiod
            .apply(&workload::service("orders", LISTENER.port(), instances.address(MEMBERS + 1)))
            .await?;
        istiod.apply(&outbound()).await?;
        Ok(Self { authority, instances, hub, istiod })
    }

    /// What the shipped ConfigMap has for the agent, with the hub's address, and with the
    /// certificates that the agent serves in files, which are there as long as the folder.
    fn bootstrap(&self) -> Result<(TempDir, String)> {
        let map = workload::shipped("mesh/envoyfilter.yaml", "ConfigMap")?;
        let text = map["data"]["custom_bootstrap.json"].as_str().context("no bootstrap")?;
        let mut bootstrap: Value =
            serde_saphyr::from_str(text).map_err(|error| anyhow::anyhow!("{error}"))?;
        let home = tempfile::Builder::new().prefix("testbed-secrets-").tempdir()?;
        let file = |name: &str| json!({ "filename": self.authority.path(name) });
        let certificate = json!({ "certificate_chain": file("checkout.cert"), "private_key": file("checkout.key") });
        let root = json!({ "trusted_ca": file("ca") });
        for (name, key, value) in
            [("default", "tls_certificate", certificate), ("ROOTCA", "validation_context", root)]
        {
            let secret = json!({ "resources": [{
                "@type": "type.googleapis.com/envoy.extensions.transport_sockets.tls.v3.Secret",
                "name": name, key: value }] });
            std::fs::write(home.path().join(name), secret.to_string())?;
        }
        workload::each(&mut bootstrap, &mut |object| {
            if object["address"] == "10.0.0.11" {
                object["address"] = json!(self.hub.mesh.ip().to_string());
                object["port_value"] = json!(self.hub.mesh.port());
            }
            if object.get("sds_config").is_some()
                && let Some(name) = object["name"].as_str()
            {
                object["sds_config"] = json!({ "resource_api_version": "V3", "path_config_source": { "path": home.path().join(name) } });
            }
        });
        Ok((home, bootstrap.to_string()))
    }
}

/// A sidecar that listens for what goes out.
fn outbound() -> String {
    json!({
        "apiVersion": "networking.istio.io/v1", "kind": "Sidecar",
        "metadata": { "name": "checkout", "namespace": "shop" },
        "spec": {
            "workloadSelector": { "labels": { "app": "checkout" } },
            "egress": [{
                "port": { "number": LISTENER.port(), "protocol": "HTTP", "name": "http" },
                "bind": LISTENER.ip().to_string(), "captureMode": "NONE", "hosts": ["./*"],
            }],
        },
    })
    .to_string()
}

async fn send(proxy: &Proxy, host: &str) -> Result<http::Response> {
    http::fetch(proxy.address, &Request::new("GET", "/").header("host", host)).await
}

/// Which instance answers.
async fn ask(proxy: &Proxy, host: &str) -> Result<SocketAddr> {
    let answer = send(proxy, host).await?;
    ensure!(answer.status == 200, "{} {}", answer.status, answer.text());
    Ok(answer.text().parse()?)
}

/// Waits until just these answer.
async fn until(proxy: &Proxy, wanted: &BTreeSet<SocketAddr>) -> Result<()> {
    let start = Instant::now();
    loop {
        let mut seen = BTreeSet::new();
        let mut fault = None;
        for _ in 0..ROUNDS {
            match ask(proxy, SERVICE).await {
                Ok(instance) => drop(seen.insert(instance)),
                Err(error) => fault = Some(error),
            }
        }
        if fault.is_none() && seen == *wanted {
            return Ok(());
        }
        ensure!(
            start.elapsed() < TIMEOUT,
            "{wanted:?} should answer, not {seen:?} ({fault:?})\n{}",
            proxy.envoy.log()?
        );
        tokio::time::sleep(std::time::Duration::from_millis(50)).await;
    }
}
