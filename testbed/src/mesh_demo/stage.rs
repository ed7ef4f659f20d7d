//! What everything happens on: instances, a hub that judges them, a gateway that follows it.

use std::net::SocketAddr;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, ensure};
use serde_json::{Value, json};

use super::agents::{AGENTS, Agents, BEAT};
use crate::app::Application;
use crate::client::http::{self, Request};
use crate::client::tls::{Authority, SERVER};
use crate::envoy::EnvoyBuilder;
use crate::mesh::{self, Client, Hub, Place};
use crate::screen::progress;
use crate::tools::Tools;

/// How many instances there are.
pub const INSTANCES: usize = 6;
/// The header that says who has served a request.
pub const SERVED_BY: &str = "x-served-by";
/// The hub's name in the shipped client.
const HUB: &str = "heartbeat-hub.east.example";
/// How long a hub may take until it has something to say.
const READY: Duration = Duration::from_secs(20);

/// All of it; it ends when this is dropped.
#[derive(Debug)]
pub struct Stage {
    /// The instances.
    pub instances: Vec<Application>,
    /// The agents that look at them.
    pub agents: Agents,
    /// Whether agents speak over MQTT, and not by POST.
    pub by_mqtt: bool,
    /// The gateway.
    pub gateway: Client,
    /// The hub, while it lives.
    pub hub: Option<Hub>,
    authority: Authority,
    place: Place,
}

impl Stage {
    /// Starts all, and waits until every instance is alive to the hub.
    pub async fn start(tools: &Tools) -> Result<Self> {
        progress("start six instances, a hub and a gateway that follows it");
        let instances: Vec<_> =
            (0..INSTANCES).map(|_| Application::start(tools)).collect::<Result<_>>()?;
        let (authority, place) = (mesh::authority()?, Place::choose()?);
        // Agents ask for the hub by a name that anybody can look up.
        authority.certify("hub", &["localhost", HUB, SERVER, "spiffe://west/hub"])?;
        authority.certify(AGENTS, &["spiffe://edge/agents"])?;
        let hub = hub(tools, &authority, &instances, place).await?;
        let addresses: Vec<_> = instances.iter().map(|it| it.addresses.http).collect();
        let agents = Agents::start(tools, &addresses, &authority, place.mesh())?;
        let by_mqtt = agents.by_mqtt().await;
        if !by_mqtt {
            progress("skipped: no mosquitto: the agents post to the hub themselves");
        }
        let gateway = Client::start(gateway(tools, &authority, hub.mesh)?).await?;
        let stage = Self { instances, agents, by_mqtt, gateway, hub: Some(hub), authority, place };
        stage.settles().await?;
        // It has asked while the hub still listened to its sources.
        stage.gateway.reaches("membership_healthy", INSTANCES as u64, READY).await?;
        Ok(stage)
    }

    /// What the hub calls an instance, by its number from 1.
    pub fn name(&self, number: usize) -> Option<String> {
        Some(self.address(number)?.to_string())
    }

    /// Where an instance is, by its number from 1.
    pub fn address(&self, number: usize) -> Option<SocketAddr> {
        Some(self.instances.get(number.checked_sub(1)?)?.addresses.http)
    }

    /// Starts the hub again where it was.
    pub async fn revive_hub(&mut self, tools: &Tools) -> Result<()> {
        let hub = hub(tools, &self.authority, &self.instances, self.place).await?;
        self.hub = Some(hub);
        Ok(())
    }

    /// Waits until all three kinds of sources call every instance alive.
    async fn settles(&self) -> Result<()> {
        let start = Instant::now();
        loop {
            let people = self.hub.as_ref().context("there is no hub")?.people;
            let state = match http::fetch(people, &all()).await {
                Ok(answer) => serde_json::from_slice(&answer.body).unwrap_or_default(),
                Err(_) => Value::Null,
            };
            let instances = state["instances"].as_array().map_or(&[][..], Vec::as_slice);
            let well = |it: &&Value| {
                let sources = it["sources"].as_array().map_or(0, |all| {
                    all.iter().filter(|it| it["alive"] == true && it["fresh"] == true).count()
                });
                it["verdict"] == "alive" && sources == 3
            };
            if instances.iter().filter(well).count() == INSTANCES {
                return Ok(());
            }
            ensure!(start.elapsed() < READY, "not all instances are alive to all: {state}");
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
    }
}

fn all() -> Request {
    Request::new("GET", "/mesh/v1/health/payments")
}

/// The shipped hub with sources and clusters for these instances.
async fn hub(
    tools: &Tools,
    authority: &Authority,
    instances: &[Application],
    place: Place,
) -> Result<Hub> {
    let builder = mesh::envoy_of_hub(tools, authority, &config(instances))?;
    let clusters: Vec<_> =
        (1..).zip(instances).flat_map(|(number, it)| clusters(number, it)).collect();
    let patch = json!({ "static_resources": { "clusters": clusters },
                        "stats_flush_on_admin": true });
    Hub::start_at(builder.patch(&patch), place).await
}

fn clusters(number: usize, instance: &Application) -> [Value; 2] {
    let cluster = |name: String, to: SocketAddr| {
        let socket = json!({ "address": to.ip().to_string(), "port_value": to.port() });
        let endpoint = json!({ "endpoint": { "address": { "socket_address": socket } } });
        json!({ "name": name, "connect_timeout": "0.5s",
                "load_assignment": { "cluster_name": name,
                                     "endpoints": [{ "lb_endpoints": [endpoint] }] } })
    };
    let http = cluster(format!("http_{number}"), instance.addresses.http);
    let mut grpc = cluster(format!("grpc_{number}"), instance.addresses.grpc);
    let options = "envoy.extensions.upstreams.http.v3.HttpProtocolOptions";
    grpc["typed_extension_protocol_options"] = json!({ options: {
        "@type": format!("type.googleapis.com/{options}"),
        "explicit_http_config": { "http2_protocol_options": {} },
    } });
    [http, grpc]
}

fn config(instances: &[Application]) -> Value {
    let members: Vec<_> =
        instances.iter().map(|it| json!({ "id": it.addresses.http.to_string() })).collect();
    let allow = json!({ "principals": ["spiffe://edge/*"] });
    let beat = format!("{}ms", BEAT.as_millis());
    let mut sources = vec![json!({
        "name": "edge", "allow": allow, "trust": 0.6, "beat": beat, "silence": "down", "stale": "1s",
    })];
    for (number, instance) in (1..).zip(instances) {
        let id = instance.addresses.http.to_string();
        let asked = |name: &str, how: &str, asks: Value| {
            json!({ "name": format!("{name}-{number}"), how: asks, "service": "payments",
                    "instance": id, "trust": 0.9, "interval": "250ms", "timeout": "200ms",
                    "fall": 2 })
        };
        let (http, grpc) = (format!("http_{number}"), format!("grpc_{number}"));
        sources.push(asked("poll", "http", json!({ "cluster": http, "path": "/health" })));
        sources.push(asked("watch", "grpc", json!({ "cluster": grpc, "watch": true })));
    }
    json!({
        "services": [{ "name": "payments", "members": members }],
        "sources": sources,
        "recover": { "after": "500ms", "at_most": "2s" },
        "readers": { "principals": ["spiffe://east/*"], "cidrs": ["127.0.0.1/32"],
                     "address": "trusted" },
        "hold": "2s",
    })
}

/// The shipped client, which says who serves, gives up after a second, and has no outlier
/// detection of its own: what moves here, the hub has moved.
fn gateway(tools: &Tools, authority: &Authority, hub: SocketAddr) -> Result<EnvoyBuilder> {
    let nowhere = Place::choose()?.mesh();
    let builder = Client::envoy(tools, authority, "gateway-1", [hub, nowhere])
        .context("the gateway can't be configured")?;
    let cluster = json!({ "name": "payments", "outlier_detection": null,
                          "lb_policy": "ROUND_ROBIN" });
    let listener = json!({ "name": "ingress", "filter_chains": [{ "filters": [ingress()] }] });
    Ok(builder.patch(&json!({ "static_resources": { "listeners": [listener],
                                                    "clusters": [cluster] } })))
}

fn ingress() -> Value {
    let of = "type.googleapis.com/envoy.extensions.filters";
    let header = json!({ "key": SERVED_BY, "value": "%UPSTREAM_REMOTE_ADDRESS%" });
    let retry = json!({ "retry_on": "connect-failure,refused-stream", "num_retries": 2 });
    let route = json!({ "cluster": "payments", "timeout": "1s", "retry_policy": retry });
    let routes = json!([{ "match": { "prefix": "/" }, "route": route }]);
    let router = json!({ "@type": format!("{of}.http.router.v3.Router") });
    json!({
        "name": "envoy.filters.network.http_connection_manager",
        "typed_config": {
            "@type": format!("{of}.network.http_connection_manager.v3.HttpConnectionManager"),
            "stat_prefix": "ingress",
            "route_config": {
                "name": "ingress",
                "response_headers_to_add": [{ "header": header }],
                "virtual_hosts": [{ "name": "all", "domains": ["*"], "routes": routes }],
            },
            "http_filters": [{ "name": "envoy.filters.http.router", "typed_config": router }],
        },
    })
}
