//! The shipped hub, outside of the mesh: on a machine of its own, with a certificate by
//! Istio's root.

use std::net::Ipv4Addr;
use std::time::{Duration, Instant};

use anyhow::{Result, anyhow, ensure};
use serde_json::{Value, json};
use testbed::child::Child;
use testbed::client::http::Request;
use testbed::tools::{self, Tools};

use super::mesh::Root;
use super::pod::{HUB, Pod};
use super::{Identity, PAYMENTS, PROBES};
use crate::network::NODE;

/// How soon a verdict must be there: silence is one after three and a half beats.
const TIMEOUT: Duration = Duration::from_secs(15);

/// A hub that listens to the sidecars of the mesh.
pub struct Hub {
    pod: Pod,
    _envoy: Child,
}

impl Hub {
    /// Starts it.
    pub fn start(tools: &Tools, root: &Root) -> Result<Self> {
        let identity = Identity { name: "hub", account: "hub", number: HUB.octets()[2] };
        let pod = Pod::start(tools, identity.name, identity.account, identity.number, NODE)?;
        let (certificate, key) = root.certify("heartbeat-hub.east.example")?;
        let file = |name: &str, text: &str| -> Result<String> {
            let path = pod.home().join(name);
            std::fs::write(&path, text)?;
            Ok(path.display().to_string())
        };
        let path = tools::envoy_configs().join("mesh/hub.yaml");
        let shipped = std::fs::read_to_string(path)?
            .replace("/etc/envoy/heartbeat_hub.wasm", &tools.hub_module()?.display().to_string())
            .replace(
                "/etc/envoy/heat-map.html",
                &tools::envoy_configs().join("mesh/heat-map.html").display().to_string(),
            )
            .replace("/etc/envoy/tls/cert.pem", &file("cert.pem", &certificate)?)
            .replace("/etc/envoy/tls/key.pem", &file("key.pem", &key)?)
            .replace("/etc/envoy/tls/ca.pem", &file("ca.pem", &root.pem())?);
        let mut envoy: Value = serde_saphyr::from_str(&shipped).map_err(|it| anyhow!("{it}"))?;
        listen_to_sidecars(&mut envoy);
        let config = file("hub.json", &envoy.to_string())?;
        let mut command = pod.command("/usr/local/bin/envoy");
        let child = pod.spawn(command.args(["-l", "warning", "-c", &config]), "hub.log")?;
        Ok(Self { pod, _envoy: child })
    }

    /// Waits until that is its verdict of the instance.
    pub async fn says(&self, verdict: &str) -> Result<()> {
        let start = Instant::now();
        let people = (Ipv4Addr::LOCALHOST, 8080).into();
        loop {
            let asked = Request::new("GET", "/mesh/v1/health/payments");
            let answer = self.pod.fetch(people, asked).await;
            let text = answer.map_or_else(|error| format!("{error:#}"), |answer| answer.text());
            let told: Value = serde_json::from_str(&text).unwrap_or_default();
            if told["instances"][0]["verdict"] == verdict {
                return Ok(());
            }
            let log = || self.pod.log("hub.log");
            ensure!(start.elapsed() < TIMEOUT, "not {verdict}, but {text}\n{}", log());
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
    }
}

/// Puts the source of publish.yaml's comment in the place of all others.
fn listen_to_sidecars(value: &mut Value) {
    let instance = format!("{}:{PROBES}", Ipv4Addr::new(10, 77, PAYMENTS.number, 2));
    match value {
        Value::Object(object) => {
            if object.get("root_id") == Some(&json!("heartbeat_hub")) {
                let config = json!({
                    "services": [{ "name": "payments", "members": [{ "id": instance }] }],
                    "sources": [{ "name": "sidecars",
                        "allow": { "principals": ["spiffe://cluster.local/ns/shop/*"] },
                        "beat": "1s", "silence": "down", "stale": "5s" }],
                    "readers": { "cidrs": ["127.0.0.1/32"], "address": "trusted" },
                });
                object["configuration"]["value"] = json!(config.to_string());
            }
            object.values_mut().for_each(listen_to_sidecars);
        }
        Value::Array(list) => list.iter_mut().for_each(listen_to_sidecars),
        _ => {}
    }
}
