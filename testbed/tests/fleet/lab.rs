//! Two Envoys with a listener and a cluster for each case, a load on every cluster, and a
//! Prometheus that scrapes both.

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::time::Duration;

use anyhow::{Context, Result};
use serde_json::{Value, json};
use testbed::app::Application;
use testbed::app::behaviour::{Behaviour, Deviation};
use testbed::client::connection::KeepAlive;
use testbed::client::http::{Request, Version};
use testbed::client::tls::Authority;
use testbed::envoy::merge::merge;
use testbed::envoy::{Envoy, EnvoyBuilder};
use testbed::prometheus::Prometheus;
use tokio::task::JoinSet;
use tokio::time::Instant;

use crate::case::{self, Case};
use crate::{Start, tools};

/// How many ask for each case, each of them once a second: some answers take that long.
const ASKING: u32 = 10;

/// How long the application takes: longer than what stands before it waits.
const SLOW: Duration = Duration::from_millis(600);

/// The server's name.
const SERVER: &str = "server.test";

const CLIENT: &str = "client.test";

/// The jobs that Prometheus scrapes them for.
pub const JOBS: [&str; 2] = ["client", "server"];

const TLS: &str = "type.googleapis.com/envoy.extensions.transport_sockets.tls.v3";
const FILTERS: &str = "type.googleapis.com/envoy.extensions.filters";

/// All of it; it ends when this is dropped.
pub struct Lab {
    pub cases: Vec<Case>,
    pub client: Envoy,
    pub server: Envoy,
    pub prometheus: Prometheus,
    _load: JoinSet<()>,
    _application: Application,
    _authorities: [Authority; 3],
}

impl Start for Lab {
    async fn start() -> Result<Self> {
        let tools = tools();
        let cases = case::all()?;
        let application = Application::start(&tools)?;
        application.behave(&slow()).await?;
        let authorities = [Authority::new()?, Authority::named("another")?, Authority::new()?];
        let files = files(&authorities)?;
        let certified = |config: Value| {
            files.iter().fold(EnvoyBuilder::from_config(&tools, config), |builder, (name, path)| {
                builder.file(name, path)
            })
        };
        let server = certified(server(&cases))
            .destination("slow", application.addresses.http)
            .log_level("warning")
            .start()
            .await
            .context("the server")?;
        let mut builder = certified(client(&cases)).log_level("warning");
        for case in &cases {
            builder = builder.destination(&case.name, server.listener(&case.name)?);
        }
        let client = builder.start().await.context("the client")?;
        let jobs = JOBS.map(str::to_owned).into_iter().zip([client.admin, server.admin]);
        let jobs: BTreeMap<_, _> = jobs.map(|(job, admin)| (job, vec![admin])).collect();
        let prometheus = Prometheus::start_short(&tools, &jobs, None).await?;
        let mut load = JoinSet::new();
        for case in &cases {
            for number in 0..ASKING {
                let after = Duration::from_secs(1) * number / ASKING;
                load.spawn(send(client.http, Request::new("GET", &path(case)), after));
            }
        }
        Ok(Self {
            cases,
            client,
            server,
            prometheus,
            _load: load,
            _application: application,
            _authorities: authorities,
        })
    }
}

/// What is asked of a case.
pub fn path(case: &Case) -> String {
    format!("/{}/", case.name)
}

async fn send(to: SocketAddr, request: Request, after: Duration) {
    let mut connection = KeepAlive::new(Version::Http1, to.into());
    let mut ticks = tokio::time::interval_at(Instant::now() + after, Duration::from_secs(1));
    loop {
        ticks.tick().await;
        // A failure is what is looked for.
        let _ = connection.send(&request).await;
    }
}

fn slow() -> Behaviour {
    let delay_ms = u64::try_from(SLOW.as_millis()).unwrap_or_default();
    let paths = [("/idle_timeout/".into(), Deviation { delay_ms, ..Deviation::default() })];
    Behaviour { paths: paths.into(), ..Behaviour::default() }
}

/// What the configurations call `ca`, `server.cert` …, and another authority's `other/ca` …;
/// what is in `renewed` is by one that has the first one's name.
fn files(authorities: &[Authority; 3]) -> Result<Vec<(String, std::path::PathBuf)>> {
    let mut files = Vec::new();
    for (authority, folder) in authorities.iter().zip(["", "other/", "renewed/"]) {
        authority.certify("server", &[SERVER])?;
        authority.certify("client", &[CLIENT])?;
        authority.certify_expired("expired", &[SERVER, CLIENT])?;
        let pairs = ["server", "client", "expired"];
        let of_pairs = pairs.iter().flat_map(|who| [format!("{who}.cert"), format!("{who}.key")]);
        for file in of_pairs.chain(["ca".to_owned()]) {
            files.push((format!("{folder}{file}"), authority.path(&file)));
        }
    }
    Ok(files)
}

fn certified(who: &str) -> Value {
    json!({
        "tls_certificates": [{ "certificate_chain": { "filename": format!("{who}.cert") },
                               "private_key": { "filename": format!("{who}.key") } }],
        "validation_context": { "trusted_ca": { "filename": "ca" } },
    })
}

fn server(cases: &[Case]) -> Value {
    let cluster = json!({ "name": "slow", "connect_timeout": "1s", "load_assignment": at("slow") });
    json!({
        "stats_flush_interval": "1s",
        "static_resources": {
            "listeners": cases.iter().map(listener).collect::<Vec<_>>(),
            "clusters": [cluster],
        },
    })
}

fn listener(case: &Case) -> Value {
    let answer = json!({ "status": 200, "body": { "inline_string": "ok" } });
    let routes = json!([{ "match": { "prefix": "/" }, "direct_response": answer }]);
    let mut http = hcm(&routes);
    patch(&mut http["typed_config"], case.listener.http.as_ref());
    let mut tls = json!({
        "@type": format!("{TLS}.DownstreamTlsContext"),
        "require_client_certificate": true,
        "common_tls_context": certified("server"),
    });
    patch(&mut tls, case.listener.tls.as_ref());
    let mut chain = json!({
        "filters": [case.listener.filter.as_ref().unwrap_or(&http)],
        "transport_socket": { "name": "tls", "typed_config": tls },
    });
    patch(&mut chain, case.listener.chain.as_ref());
    let inspector = json!({ "@type": format!("{FILTERS}.listener.tls_inspector.v3.TlsInspector") });
    // Plain connections aren't waited for.
    let inspects = chain.get("filter_chain_match").is_some();
    let inspectors = if inspects {
        json!([{ "name": "tls_inspector", "typed_config": inspector }])
    } else {
        json!([])
    };
    json!({
        "name": case.name,
        "stat_prefix": case.name,
        "address": { "socket_address": { "address": "127.0.0.1", "port_value": 0 } },
        "listener_filters": inspectors,
        "filter_chains": [chain],
    })
}

fn client(cases: &[Case]) -> Value {
    let routes: Vec<_> = cases
        .iter()
        .map(|case| {
            json!({ "match": { "prefix": path(case) },
                    "route": { "cluster": case.name, "timeout": "5s" } })
        })
        .collect();
    let mut http = hcm(&json!(routes));
    let format = "%REQ(:PATH)% %RESPONSE_FLAGS% %UPSTREAM_TRANSPORT_FAILURE_REASON%\n";
    http["typed_config"]["access_log"] = json!([{ "name": "log", "typed_config": {
        "@type": "type.googleapis.com/envoy.extensions.access_loggers.stream.v3.StdoutAccessLog",
        "log_format": { "text_format_source": { "inline_string": format } } } }]);
    let socket = json!({ "address": "127.0.0.1", "port_value": 0 });
    json!({
        "stats_flush_interval": "1s",
        "static_resources": {
            "listeners": [{ "name": "users", "address": { "socket_address": socket },
                            "filter_chains": [{ "filters": [http] }] }],
            "clusters": cases.iter().map(cluster).collect::<Vec<_>>(),
        },
    })
}

fn cluster(case: &Case) -> Value {
    let named = json!([{ "san_type": "DNS", "matcher": { "exact": SERVER } }]);
    let mut tls = json!({
        "@type": format!("{TLS}.UpstreamTlsContext"),
        "sni": SERVER,
        "common_tls_context": certified("client"),
    });
    tls["common_tls_context"]["validation_context"]["match_typed_subject_alt_names"] = named;
    patch(&mut tls, case.cluster.tls.as_ref());
    let mut cluster = json!({
        "name": case.name,
        "connect_timeout": "1s",
        "load_assignment": at(&case.name),
        "transport_socket": { "name": "tls", "typed_config": tls },
    });
    patch(&mut cluster, case.cluster.cluster.as_ref());
    cluster
}

/// An endpoint that is yet to get its address.
fn at(cluster: &str) -> Value {
    let socket = json!({ "address": cluster, "port_value": 1 });
    let endpoint = json!({ "endpoint": { "address": { "socket_address": socket } } });
    json!({ "cluster_name": cluster, "endpoints": [{ "lb_endpoints": [endpoint] }] })
}

fn hcm(routes: &Value) -> Value {
    json!({
        "name": "hcm",
        "typed_config": {
            "@type": format!("{FILTERS}.network.http_connection_manager.v3.HttpConnectionManager"),
            "stat_prefix": "http",
            "route_config": { "virtual_hosts": [
                { "name": "all", "domains": ["*"], "routes": routes } ] },
            "http_filters": [{ "name": "router", "typed_config": {
                "@type": format!("{FILTERS}.http.router.v3.Router") } }],
        },
    })
}

fn patch(value: &mut Value, patch: Option<&Value>) {
    if let Some(patch) = patch {
        merge(value, patch);
    }
}
