//! A stock Envoy that gets everything from istiod.

use std::net::SocketAddr;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail, ensure};
use serde_json::{Value, json};
use testbed::client::http::{self, Request, Response};
use testbed::envoy::{Envoy, EnvoyBuilder};
use testbed::tools::Tools;

use crate::istiod::Istiod;
use crate::workload;

/// How soon a change of a resource must be at work: istiod waits for further ones for a
/// while, and the first time the module is compiled.
pub const TIMEOUT: Duration = Duration::from_secs(20);

/// A new connection comes to any worker: so many in a row of one mind speak for all.
const CONNECTIONS: usize = 12;

/// What a proxy is to istiod.
#[derive(Clone, Copy, Debug)]
pub enum Role {
    /// Of a pod of the Deployment that is shipped.
    Sidecar,
    /// The ingress gateway, behind a balancer that says for whom it asks.
    Gateway,
}

/// A pod.
#[derive(Clone, Debug)]
pub struct Pod {
    role: Role,
    labels: Value,
    /// Where its listener will be; it alone has this address.
    pub address: SocketAddr,
}

impl Pod {
    /// An application's, with these labels.
    pub fn labelled(labels: Value, address: SocketAddr) -> Self {
        Self { role: Role::Sidecar, labels, address }
    }

    /// Its labels.
    pub fn labels(&self) -> &Value {
        &self.labels
    }

    fn of(role: Role, address: SocketAddr) -> Self {
        let labels = match role {
            Role::Sidecar => json!({ "app": "payments" }),
            Role::Gateway => json!({ "istio": "ingressgateway" }),
        };
        Self { role, labels, address }
    }
}

/// An Envoy with its listener.
pub struct Proxy {
    /// The Envoy.
    pub envoy: Envoy,
    /// The listener that istiod gives it.
    pub address: SocketAddr,
}

impl Proxy {
    /// Starts one and leaves it to istiod; `address` is where its listener will be.
    pub async fn start(
        tools: &Tools,
        istiod: &Istiod,
        role: Role,
        address: SocketAddr,
    ) -> Result<Self> {
        Self::start_in(tools, istiod, &Pod::of(role, address), |builder| builder).await
    }

    /// Starts the one of a pod, changed like this.
    pub async fn start_in(
        tools: &Tools,
        istiod: &Istiod,
        pod: &Pod,
        change: impl FnOnce(EnvoyBuilder) -> EnvoyBuilder,
    ) -> Result<Self> {
        let builder = EnvoyBuilder::from_config(tools, bootstrap(pod)?);
        let builder = change(builder.destination("xds", istiod.xds));
        Ok(Self { envoy: builder.start().await?, address: pod.address })
    }

    /// Sends a request on a connection of its own.
    pub async fn get(&self, path: &str) -> Result<Response> {
        http::fetch(self.address, &Request::new("GET", path)).await
    }

    /// Waits until a path is answered with a status, by all workers.
    pub async fn answers(&self, path: &str, status: u16) -> Result<()> {
        let start = Instant::now();
        let (mut last, mut row) = (String::new(), 0);
        while row < CONNECTIONS {
            match self.get(path).await {
                Ok(answer) if answer.status == status => row += 1,
                Ok(answer) => (last, row) = (format!("{} {}", answer.status, answer.text()), 0),
                Err(error) => (last, row) = (format!("{error:#}"), 0),
            }
            if start.elapsed() > TIMEOUT {
                bail!("{path}: no {status} within {TIMEOUT:?}, but {last}\n{}", self.envoy.log()?);
            }
            if row == 0 {
                tokio::time::sleep(Duration::from_millis(20)).await;
            }
        }
        Ok(())
    }

    /// Waits until its listener is open: it has all that it needs.
    pub async fn opens(&self) -> Result<()> {
        let start = Instant::now();
        while tokio::net::TcpStream::connect(self.address).await.is_err() {
            ensure!(start.elapsed() < TIMEOUT, "no listener\n{}", self.envoy.log()?);
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
        Ok(())
    }

    /// What Envoy has of one part of its configuration.
    pub async fn dump(&self, part: &str) -> Result<Value> {
        let path = format!("/config_dump?resource={part}");
        serde_json::from_str(&self.envoy.admin_get(&path).await?).context("odd dump")
    }

    /// The names of the HTTP filters of its listener, in order.
    pub async fn filters(&self) -> Result<Vec<String>> {
        let listeners = self.dump("dynamic_listeners").await?;
        let all = listeners["configs"].as_array().into_iter().flatten();
        let port = json!(self.address.port());
        let ours = |it: &&Value| {
            let socket = &it["active_state"]["listener"]["address"]["socket_address"];
            socket["port_value"] == port && socket["address"] == self.address.ip().to_string()
        };
        let listener = all.filter(|it| it["active_state"].is_object()).find(ours);
        let listener = &listener.context("the listener isn't there")?["active_state"]["listener"];
        let chain = &listener["filter_chains"][0]["filters"];
        let filters = chain.as_array().into_iter().flatten();
        let manager =
            filters.map(|it| &it["typed_config"]["http_filters"]).find(|it| it.is_array());
        let filters = manager.and_then(Value::as_array).context("no HTTP filters")?;
        Ok(filters.iter().filter_map(|it| it["name"].as_str().map(str::to_owned)).collect())
    }

    /// Nothing that istiod has sent was refused.
    pub async fn took_all(&self) -> Result<()> {
        let refused = self.envoy.admin_get("/stats?filter=update_rejected").await?;
        let faults: Vec<_> = refused.lines().filter(|line| !line.ends_with(": 0")).collect();
        ensure!(faults.is_empty(), "{}\n{}", faults.join(", "), self.envoy.log()?);
        Ok(())
    }
}

/// What the agent would have written, as far as Envoy needs it. The listener of its own is
/// there so that it is known when Envoy serves.
fn bootstrap(pod: &Pod) -> Result<Value> {
    let source = json!({ "ads": {}, "initial_fetch_timeout": "0s", "resource_api_version": "V3" });
    let (id, namespace, config) = match pod.role {
        Role::Sidecar => ("sidecar", "shop", json!({})),
        Role::Gateway => {
            ("router", "istio-system", json!({ "gatewayTopology": { "numTrustedProxies": 1 } }))
        }
    };
    let address = pod.address.ip().to_string();
    let cluster = |name: &str, port: u16| {
        json!({ "name": name, "type": "STATIC", "connect_timeout": "1s",
            "load_assignment": { "cluster_name": name, "endpoints": [{ "lb_endpoints": [{ "endpoint": {
                "address": { "socket_address": { "address": "127.0.0.1", "port_value": port } },
            } }] }] } })
    };
    let mut xds = cluster("xds", 15010);
    xds["typed_extension_protocol_options"] = json!({ "envoy.extensions.upstreams.http.v3.HttpProtocolOptions": {
        "@type": "type.googleapis.com/envoy.extensions.upstreams.http.v3.HttpProtocolOptions",
        "explicit_http_config": { "http2_protocol_options": {} },
    } });
    Ok(json!({
        "stats_config": { "stats_tags": workload::stats_tags()? },
        "node": {
            "id": format!("{id}~{address}~payments-0.{namespace}~{namespace}.svc.cluster.local"),
            "cluster": format!("payments.{namespace}"),
            "metadata": { "NAMESPACE": namespace, "LABELS": pod.labels, "INSTANCE_IPS": address,
                "ISTIO_VERSION": "1.31.0", "CLUSTER_ID": "Kubernetes", "INTERCEPTION_MODE": "NONE",
                "PROXY_CONFIG": config },
        },
        "admin": { "address": { "socket_address": { "address": "127.0.0.1", "port_value": 15000 } } },
        "dynamic_resources": {
            "ads_config": { "api_type": "DELTA_GRPC", "transport_api_version": "V3",
                "grpc_services": [{ "envoy_grpc": { "cluster_name": "xds" } }] },
            "cds_config": source, "lds_config": source,
        },
        "static_resources": {
            "clusters": [xds, cluster("prometheus_stats", 15000)],
            "listeners": [{ "name": "serves",
                "address": { "socket_address": { "address": "127.0.0.1", "port_value": 15021 } },
                "filter_chains": [{ "filters": [{ "name": "echo", "typed_config": {
                    "@type": "type.googleapis.com/envoy.extensions.filters.network.echo.v3.Echo",
                } }] }] }],
        },
    }))
}
