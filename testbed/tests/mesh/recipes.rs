//! The recipes with hubs, as their pages tell them: the configurations there on real Envoys,
//! a real broker, and instances that die.

use std::net::SocketAddr;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, ensure};
use libtest_mimic::Trial;
use rustix::process::Signal;
use serde_json::{Value, json};
use testbed::app::Application;
use testbed::app::behaviour::{Behaviour, Deviation};
use testbed::client::http::{self, Request, Version};
use testbed::client::peer::Peer;
use testbed::client::tls::{Authority, Identity, SERVER};
use testbed::mesh::Source;
use testbed::mesh::{self, Bridge, Broker, Client, Device, GrpcServer, Hub, Instances, Place};
use testbed::page::{self, Block};
use testbed::tools;

use crate::bridges::logs;
use crate::stack::{eventually, nowhere};
use crate::trial;

pub fn trials() -> Vec<Trial> {
    let missing = crate::tools().mosquitto("mosquitto").is_err();
    if missing {
        eprintln!("skipped: no mosquitto (scripts/mosquitto.sh): recipes::edge_devices*");
    }
    vec![
        trial("recipes::three_meshes_are_one_service_of_a_gateway", three_meshes),
        trial("recipes::edge_devices_come_and_go_by_a_broker", edge_devices)
            .with_ignored_flag(missing),
    ]
}

/// How long it takes at most until what a hub or an Envoy hears has come about.
const WITHIN: Duration = Duration::from_secs(10);
const GATEWAY: &str = "spiffe://edge/ns/gateways/sa/gateway-1";

/// What a page has its readers copy.
struct Recipe {
    blocks: Vec<Block>,
}

impl Recipe {
    fn read(name: &str) -> Result<Self> {
        let path = tools::workspace().join("docs/recipes").join(name).with_extension("md");
        let text = std::fs::read_to_string(&path).with_context(|| path.display().to_string())?;
        Ok(Self { blocks: page::blocks(&text) })
    }

    fn block(&self, language: &str) -> Result<&str> {
        let block = self.blocks.iter().find(|block| block.language == language);
        Ok(&block.with_context(|| format!("the page has no {language}"))?.text)
    }

    /// The hub's configuration, with what is here in the place of what is there.
    fn hub(&self, places: &[(&str, String)]) -> Result<Value> {
        let shown = self.block("json")?.to_owned();
        let filled = places.iter().try_fold(shown, |text, (there, here)| {
            ensure!(text.contains(there), "the page doesn't speak of {there}");
            Ok(text.replace(there, here))
        });
        Ok(serde_json::from_str(&filled?)?)
    }

    /// The cluster of the gateway that is called so.
    fn cluster(&self, name: &str) -> Result<Value> {
        let gateway: Value = serde_saphyr::from_str(self.block("yaml")?)?;
        let clusters = gateway["static_resources"]["clusters"].as_array();
        let found = clusters.into_iter().flatten().find(|cluster| cluster["name"] == name);
        found.cloned().with_context(|| format!("the gateway has no cluster {name}"))
    }

    /// What the bridge is started with, with what is here in the place of what is there.
    fn bridge(&self, places: &[(&str, String)]) -> Result<Vec<String>> {
        let words = self.block("console")?.split_whitespace().filter(|word| *word != "\\");
        let words = words.skip_while(|word| *word != "mqtt_bridge.py").skip(1);
        let plain = words.map(|word| word.trim_matches('\''));
        let filled = plain.map(|word| {
            let place = places.iter().find(|(there, _)| *there == word);
            place.map_or_else(|| word.to_owned(), |(_, here)| here.clone())
        });
        Ok(filled.collect())
    }
}

/// Certificates of everybody in the recipes; the bridge looks the hubs up by a name that
/// this machine has.
fn authority() -> Result<Authority> {
    let authority = mesh::authority()?;
    authority.certify("hub", &["heartbeat-hub.east.example", "localhost", SERVER])?;
    authority.certify("client", &[GATEWAY])?;
    authority.certify("sidecar", &["spiffe://istio/ns/shop/sa/payments"])?;
    authority.certify("edge", &["spiffe://edge/bridge"])?;
    Ok(authority)
}

/// The hub as the gateway sees it: nobody else may read there.
struct Reader(Peer);

impl Reader {
    fn new(authority: &Authority, hub: &Hub) -> Result<Self> {
        let tls = Some(authority.client(&Identity::Uri(GATEWAY.into()))?);
        Ok(Self(Peer { address: hub.mesh, from: None, tls }))
    }

    async fn becomes(&self, instance: SocketAddr, verdict: &str) -> Result<()> {
        let request = Request::new("GET", &format!("/mesh/v1/health/payments/{instance}"));
        let becomes = eventually(WITHIN, async || {
            let answer = http::fetch_as(Version::Http1, self.0.clone(), &request).await?;
            let says: Value = serde_json::from_slice(&answer.body)?;
            ensure!(says["verdict"] == verdict, "{instance} not {verdict}: {}", answer.text());
            Ok(())
        });
        becomes.await.map(drop)
    }
}

/// Where so many requests go that want nobody.
async fn goes(client: &Client, requests: usize) -> Result<Vec<SocketAddr>> {
    let mut all = Vec::new();
    for _ in 0..requests {
        let answer = http::fetch(client.envoy.http, &Request::new("GET", "/pay")).await?;
        ensure!(answer.status == 200, "{} {}", answer.status, answer.text());
        all.push(answer.text().parse()?);
    }
    Ok(all)
}

/// A cluster of the hub's that leads to one address.
fn asked(name: &str, address: SocketAddr, options: Value) -> Value {
    let socket = json!({ "address": address.ip(), "port_value": address.port() });
    let endpoint = json!({ "endpoint": { "address": { "socket_address": socket } } });
    json!({ "name": name, "connect_timeout": "0.5s", "typed_extension_protocol_options": options,
            "load_assignment": { "cluster_name": name,
                                 "endpoints": [{ "lb_endpoints": [endpoint] }] } })
}

async fn three_meshes() -> Result<()> {
    let (tools, authority) = (crate::tools(), authority()?);
    let (plain, secret) = (Instances::start().await?, Instances::over_tls(&authority).await?);
    let [istio, linkerd, host] = [secret.address(1), secret.address(2), plain.address(3)];
    let (application, bare) = (Application::start(&tools)?, Application::start(&tools)?);
    let server = GrpcServer::start(&tools, &json!({}))?;

    let recipe = Recipe::read("three-meshes")?;
    let config = recipe.hub(&[
        ("10.1.0.5:8080", istio.to_string()),
        ("10.2.0.7:8080", linkerd.to_string()),
        ("10.3.0.9:8080", host.to_string()),
    ])?;
    let http2 = json!({ "envoy.extensions.upstreams.http.v3.HttpProtocolOptions": {
        "@type": "type.googleapis.com/envoy.extensions.upstreams.http.v3.HttpProtocolOptions",
        "explicit_http_config": { "http2_protocol_options": {} } } });
    let clusters = [
        asked("linkerd_payments", server.address, http2),
        asked("hosts_payments", bare.addresses.http, json!({})),
    ];
    let builder = mesh::envoy_of_hub(&tools, &authority, &config)?
        .patch(&json!({ "static_resources": { "clusters": clusters } }));
    let hub = Hub::start(builder).await?;
    let filter = json!({
        "probes": [],
        "checks": [{ "name": "app", "http": { "cluster": "app", "path": "/healthz" },
                     "interval": "500ms", "timeout": "300ms", "fall": 2 }],
        "publish": { "cluster": "hub_1", "service": "payments", "instance": istio.to_string(),
                     "when": [{ "check": "app" }] },
    });
    let (place, hubs) = (Place::choose()?, [hub.mesh, nowhere()?]);
    let app = application.addresses.http;
    let builder = mesh::envoy_of_sidecar(&tools, &authority, place, app, hubs, &filter)?;
    let _sidecar = place.start(builder).await?;
    let reader = Reader::new(&authority, &hub)?;
    for instance in [istio, linkerd, host] {
        reader.becomes(instance, "alive").await?;
    }

    // "Take it, and add the two matches."
    let matches = &recipe.cluster("payments")?["transport_socket_matches"];
    let patch = json!({ "static_resources": { "clusters": [{ "name": "payments",
        "transport_socket_matches": matches }] } });
    let builder = Client::envoy(&tools, &authority, "gateway-1", hubs)?.patch(&patch);
    let client = Client::start(builder).await?;
    client.reaches("membership_healthy", 3, WITHIN).await?;
    let mut sampler = client.sampler();
    for instance in [istio, linkerd, host] {
        ensure!(sampler.who(instance).await? == instance, "no way to {instance}");
    }
    ensure!(!goes(&client, 40).await?.contains(&host), "its priority is 1");

    let failing = Deviation { status: Some(503), ..Deviation::default() };
    let paths = [("/healthz".to_owned(), failing)].into();
    bare.behave(&Behaviour { paths, ..Behaviour::default() }).await?;
    sampler.until(host, false, WITHIN).await?;
    reader.becomes(host, "dead").await?;
    bare.behave(&Behaviour::default()).await?;
    reader.becomes(host, "alive").await?;

    let killed = Instant::now();
    server.signal(Signal::KILL)?;
    let left = sampler.until(linkerd, false, WITHIN).await?;
    ensure!(left - killed < Duration::from_secs(1), "after {:?}", left - killed);
    reader.becomes(linkerd, "dead").await?;

    // With a second witness one word only has traffic leave; with its word it is dead.
    let mut witness = Source::by(reader.0.clone());
    witness.says(istio, "pass").await?;
    application.signal(Signal::KILL)?;
    reader.becomes(istio, "suspected").await?;
    sampler.until(istio, false, WITHIN).await?;
    ensure!(goes(&client, 20).await?.iter().all(|it| *it == host), "priority 0 is down");
    witness.says(istio, "fail").await?;
    reader.becomes(istio, "dead").await
}

/// Devices on a broker.
struct Devices {
    broker: Broker,
}

impl Devices {
    fn says(&self, device: SocketAddr, status: &str) -> Result<()> {
        let payload = json!({ "status": status }).to_string();
        self.broker.publish(&format!("health/{device}"), &payload, false)
    }

    /// Has them say this again and again until `what` is done.
    async fn beating<T>(
        &self,
        words: &[(SocketAddr, &str)],
        what: impl Future<Output = Result<T>>,
    ) -> Result<T> {
        tokio::pin!(what);
        let mut beats = tokio::time::interval(Duration::from_millis(800));
        loop {
            tokio::select! {
                done = &mut what => return done,
                _ = beats.tick() => {
                    for (device, status) in words {
                        self.says(*device, status)?;
                    }
                }
            }
        }
    }
}

async fn edge_devices() -> Result<()> {
    let (tools, authority, instances) = (crate::tools(), authority()?, Instances::start().await?);
    let [one, two, three] = [1, 2, 3].map(|number| instances.address(number));
    let recipe = Recipe::read("edge-devices")?;
    let config = recipe.hub(&[("10.9.0.0/16", "127.128.0.0/16".into())])?;
    let hub = Hub::start(mesh::envoy_of_hub(&tools, &authority, &config)?).await?;
    let other = Hub::start(mesh::envoy_of_hub(&tools, &authority, &config)?).await?;
    let devices = Devices { broker: Broker::over_tls(&tools, &authority, "edge")? };

    let file = |name: &str| authority.path(name).display().to_string();
    let url = |hub: &Hub| format!("https://localhost:{}", hub.mesh.port());
    let mut arguments = recipe.bridge(&[
        ("broker.example", "localhost".into()),
        ("https://hub-1.example:8443", url(&hub)),
        ("https://hub-2.example:8443", url(&other)),
        ("ca.pem", file("ca")),
        ("edge.pem", file("edge.cert")),
        ("edge-key.pem", file("edge.key")),
    ])?;
    // What this broker is beyond the page: elsewhere, and it asks for a certificate.
    let port = devices.broker.address.port().to_string();
    arguments.extend(["--broker-port".into(), port, "--broker-cert".into(), file("edge.cert")]);
    arguments.extend(["--broker-key".into(), file("edge.key")]);
    let arguments: Vec<&str> = arguments.iter().map(String::as_str).collect();
    let bridge = Bridge::start(&tools, &arguments)?;
    logs(&bridge, "subscribed to health/+").await?;

    let will = r#"{"status":"fail"}"#;
    let there = |device| Device::connect(&devices.broker, &format!("health/{device}"), will);
    let [_first, second, _third] = [there(one)?, there(two)?, there(three)?];
    let all = [one, two, three].map(|device| (device, "pass"));
    let readers = [Reader::new(&authority, &hub)?, Reader::new(&authority, &other)?];
    let alive = devices.beating(&all, async {
        for reader in &readers {
            for (device, _) in all {
                reader.becomes(device, "alive").await?;
            }
        }
        let hubs = [hub.mesh, other.mesh];
        let builder = Client::envoy(&tools, &authority, "gateway-1", hubs)?;
        let client = Client::start(builder).await?;
        client.reaches("membership_healthy", 3, WITHIN).await?;
        Ok(client)
    });
    let client = alive.await?;
    let mut sampler = client.sampler();

    // The broker or the bridge is away: last verdicts stand.
    let silent = Instant::now();
    while silent.elapsed() < Duration::from_secs(7) {
        let healthy = client.figure("membership_healthy").await?;
        ensure!(healthy == 3, "{healthy} of 3 after {:?} of silence", silent.elapsed());
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
    devices.beating(&all, readers[0].becomes(one, "alive")).await?;

    devices.says(SocketAddr::from(([10, 8, 0, 1], 80)), "pass")?;
    logs(&bridge, "refuses 10.8.0.1:80").await?;

    second.vanish()?;
    let left = [(one, "pass"), (three, "pass")];
    devices.beating(&left, sampler.until(two, false, WITHIN)).await?;
    devices.beating(&left, readers[1].becomes(two, "dead")).await?;

    let leaving = [(one, "draining"), (three, "pass")];
    devices.beating(&leaving, readers[0].becomes(one, "draining")).await?;
    devices.beating(&leaving, sampler.until(one, false, WITHIN)).await?;

    // One of several that falls silent, without a will.
    devices.beating(&[(three, "pass")], readers[0].becomes(three, "alive")).await?;
    let silent = [(one, "pass")];
    devices.beating(&silent, readers[0].becomes(three, "dead")).await
}
