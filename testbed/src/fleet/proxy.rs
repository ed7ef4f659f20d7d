//! The Envoy of a service: the shipped one, which takes requests of other services by mutual
//! TLS, too, and passes on to them what its own service asks.

use std::collections::{BTreeMap, BTreeSet};
use std::net::SocketAddr;
use std::path::Path;

use anyhow::{Context, Result};
use serde_json::{Value, json};

use crate::client::tls::Authority;
use crate::envoy::{EnvoyBuilder, PluginConfig, Ports, port};
use crate::tools::{self, Tools};

/// The listener for users, which is shipped.
pub const USERS: &str = "ingress";

/// The listener for other services.
const MESH: &str = "mesh";

/// How many requests a connection to another service takes: TLS is seen where connections
/// begin.
const REQUESTS_OF_CONNECTION: u32 = 25;

const TLS: &str = "type.googleapis.com/envoy.extensions.transport_sockets.tls.v3";

/// Whose Envoy it is to be.
#[derive(Debug)]
pub struct Proxy<'a> {
    /// The service.
    pub name: &'a str,
    /// Whom it calls.
    pub calls: BTreeSet<&'a str>,
    /// Where services are called.
    pub places: &'a BTreeMap<String, SocketAddr>,
    /// Who has certified it.
    pub authority: &'a Authority,
}

impl Proxy<'_> {
    /// The Envoy, which needs an application yet.
    pub fn envoy(&self, tools: &Tools) -> Result<EnvoyBuilder> {
        let path = tools::envoy_configs().join("static/envoy.yaml");
        let text = std::fs::read_to_string(&path).context("no envoy.yaml")?;
        let mut config: Value =
            serde_saphyr::from_str(&text).map_err(|error| anyhow::anyhow!("{error}"))?;
        self.route_calls(&mut config)?;
        self.add_mesh(&mut config)?;
        let plugin = self.plugin(&config)?;
        let clusters = self.calls.iter().map(|to| self.cluster(to)).collect::<Result<Vec<_>>>()?;
        let mesh = self.place(self.name)?.port();
        Ok(EnvoyBuilder::from_config(tools, config)
            .patch(&json!({
                "node": { "id": self.name, "cluster": self.name },
                // Histograms show what was flushed.
                "stats_flush_interval": "1s",
                "static_resources": { "clusters": clusters },
            }))
            .plugin_config(PluginConfig::Text(plugin.to_string()))
            .first_listener(MESH)
            .prefer(Ports { http: mesh, admin: port::choose()? })
            .log_level("warning"))
    }

    fn place(&self, service: &str) -> Result<SocketAddr> {
        self.places.get(service).copied().with_context(|| format!("no service {service}"))
    }

    /// What the filter does: probes, a check of the application, the score, and the shipped
    /// counters.
    fn plugin(&self, config: &Value) -> Result<Value> {
        let text = wasm(config)
            .and_then(|wasm| wasm.pointer("/typed_config/config/configuration/value")?.as_str());
        let shipped: Value = serde_json::from_str(text.context("a filter without configuration")?)?;
        let clusters: Vec<_> = ["app"].into_iter().chain(self.calls.iter().copied()).collect();
        Ok(json!({
            "probes": [
                { "name": "health", "match": { "path": "/health" } },
                { "name": "readiness", "match": { "path": "/readyz" }, "action": "respond",
                  "when": [{ "check": "app" }] },
            ],
            "checks": [
                { "name": "app", "http": { "cluster": "app", "path": "/health" },
                  "interval": "1s", "timeout": "500ms" },
            ],
            "score": { "clusters": clusters },
            "counters": shipped["counters"],
            "admin": shipped["admin"],
        }))
    }

    /// Whatever is asked below `/payments/` is asked of `payments`.
    fn route_calls(&self, config: &mut Value) -> Result<()> {
        let routes = hcm(config)
            .and_then(|hcm| hcm.pointer_mut("/route_config/virtual_hosts/0/routes"))
            .and_then(Value::as_array_mut);
        let routes = routes.context("the shipped Envoy has no routes")?;
        for to in &self.calls {
            let route = json!({ "cluster": to, "prefix_rewrite": "/", "timeout": "2s" });
            routes.insert(0, json!({ "match": { "prefix": format!("/{to}/") }, "route": route }));
        }
        Ok(())
    }

    /// A second listener, like the shipped one but for TLS.
    fn add_mesh(&self, config: &mut Value) -> Result<()> {
        let listeners = config.pointer_mut("/static_resources/listeners");
        let listeners = listeners.and_then(Value::as_array_mut).context("no listeners")?;
        let mut mesh = listeners.first().cloned().context("no listener")?;
        mesh["name"] = json!(MESH);
        mesh["address"]["socket_address"]["port_value"] = json!(10_001);
        mesh["filter_chains"][0]["transport_socket"] = json!({ "name": "tls", "typed_config": {
            "@type": format!("{TLS}.DownstreamTlsContext"),
            "require_client_certificate": true,
            "common_tls_context": self.certified(&json!({})),
        } });
        listeners.push(mesh);
        Ok(())
    }

    fn cluster(&self, to: &str) -> Result<Value> {
        let place = self.place(to)?;
        let socket = json!({ "address": place.ip().to_string(), "port_value": place.port() });
        let endpoint = json!({ "endpoint": { "address": { "socket_address": socket } } });
        let named = json!([{ "san_type": "DNS", "matcher": { "exact": host(to) } }]);
        let options = "envoy.extensions.upstreams.http.v3.HttpProtocolOptions";
        Ok(json!({
            "name": to,
            "connect_timeout": "1s",
            "typed_extension_protocol_options": { options: {
                "@type": format!("type.googleapis.com/{options}"),
                "explicit_http_config": { "http_protocol_options": {} },
                "common_http_protocol_options": {
                    "max_requests_per_connection": REQUESTS_OF_CONNECTION },
            } },
            "load_assignment": { "cluster_name": to,
                                 "endpoints": [{ "lb_endpoints": [endpoint] }] },
            "transport_socket": { "name": "tls", "typed_config": {
                "@type": format!("{TLS}.UpstreamTlsContext"),
                "sni": host(to),
                "common_tls_context":
                    self.certified(&json!({ "match_typed_subject_alt_names": named })),
            } },
        }))
    }

    /// The certificate of the service, and how it looks at others'.
    fn certified(&self, validation: &Value) -> Value {
        let file = |path: &Path| json!({ "filename": path });
        let (chain, key) = (format!("{}.cert", self.name), format!("{}.key", self.name));
        let mut validation = validation.clone();
        validation["trusted_ca"] = file(&self.authority.path("ca"));
        json!({
            "tls_certificates": [{ "certificate_chain": file(&self.authority.path(&chain)),
                                   "private_key": file(&self.authority.path(&key)) }],
            "validation_context": validation,
        })
    }
}

/// The name in the certificate of a service.
pub fn host(service: &str) -> String {
    format!("{service}.fleet.test")
}

/// The first connection manager.
fn hcm(config: &mut Value) -> Option<&mut Value> {
    config.pointer_mut("/static_resources/listeners/0/filter_chains/0/filters/0/typed_config")
}

/// The first filter, which is the Wasm one.
fn wasm(config: &Value) -> Option<&Value> {
    let filters =
        "/static_resources/listeners/0/filter_chains/0/filters/0/typed_config/http_filters";
    config.pointer(filters)?.get(0)
}
