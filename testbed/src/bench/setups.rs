//! The Envoys that are measured: one process with a listener for each contender, so
//! that all of them share the machine's luck with addresses, caches and neighbours.

use std::io::Write as _;
use std::path::Path;

use anyhow::Result;
use serde_json::{Value, json};
use tempfile::NamedTempFile;

use super::upstream::CountingUpstream;
use crate::envoy::EnvoyBuilder;
use crate::tools::Tools;

const TYPES: &str = "type.googleapis.com/envoy.extensions";

/// A listener and what its requests pass.
#[derive(Clone, Debug)]
pub struct Listener {
    /// Its name.
    pub name: String,
    /// The filters before the router.
    pub filters: Vec<Value>,
    /// Whether its routes switch the filter off for ordinary traffic.
    pub switched_off: bool,
}

/// A listener whose requests pass `filters`.
pub fn listener(name: &str, filters: Vec<Value>) -> Listener {
    Listener { name: name.into(), filters, switched_off: false }
}

/// The listeners of all contenders.
pub fn contenders() -> Vec<Listener> {
    let ours = |name: &str, counters: Value| vec![wasm(name, &filter_config(&counters))];
    let counter = json!([{
        "name": "payment_request_success",
        "when": {
            "request": { "headers": [{ "name": "x-payment-id", "present": true }] },
            "response": { "status": ["200"] },
        },
        "labels": { "order_type": { "request_header": "x-order-type", "values": ["retail"] } },
    }]);
    vec![
        listener("none", vec![]),
        listener("ours", ours("ours", json!([]))),
        listener("counting", ours("counting", counter)),
        listener("worst", vec![wasm("worst", &worst_config())]),
        listener("untrimmed", ours(UNTRIMMED, json!([]))),
        Listener { switched_off: true, ..listener("off", ours("off", json!([]))) },
        listener("empty", vec![wasm(EMPTY, &json!(0))]),
        listener("least", vec![wasm(LEAST, &json!(0))]),
        listener("least_respond", vec![wasm(LEAST_RESPOND, &json!("answer"))]),
        listener("native", vec![native("/up", &json!({ "pass_through_mode": false }))]),
        listener("native_forward", vec![native("/health", &json!({ "pass_through_mode": true }))]),
        listener(
            "native_cache",
            vec![native("/lb", &json!({ "pass_through_mode": true, "cache_time": "1s" }))],
        ),
        listener("lua", vec![lua(include_str!("respond.lua"))]),
        listener("lua_forward", vec![lua(include_str!("forward.lua"))]),
    ]
}

/// The plugin that runs the module as the compiler leaves it.
pub const UNTRIMMED: &str = "untrimmed";

/// The plugins that run the least module: it lets requests pass, or answers them. Each
/// has a VM of its own, as the module keeps what it does for all of them.
const LEAST: &str = "least";
const LEAST_RESPOND: &str = "least_respond";

/// The plugin that runs the empty module.
const EMPTY: &str = "empty";

/// The modules that don't come out of a compiler, in files.
#[derive(Debug)]
pub struct Written {
    least: NamedTempFile,
    empty: NamedTempFile,
}

impl Written {
    /// Translates them.
    ///
    /// # Errors
    /// They can't be written.
    pub fn all() -> Result<Self> {
        let module = |text: &str| {
            let mut file = NamedTempFile::new()?;
            file.write_all(&wat::parse_str(text)?)?;
            anyhow::Ok(file)
        };
        Ok(Self {
            least: module(include_str!("least.wat"))?,
            empty: module(include_str!("empty.wat"))?,
        })
    }
}

/// What the filter is configured with: a rule for each kind of probe.
fn filter_config(counters: &Value) -> Value {
    json!({
        "probes": [
            { "name": "up", "match": { "path": "/up" }, "action": "respond" },
            { "name": "lb", "match": { "path": "/lb" }, "action": "cache" },
            // The others keep their connections too.
            { "name": "app", "match": { "path": "/health" }, "connection": "keep" },
            { "name": "grpc", "match": { "grpc": { "methods": ["Check"] } }, "action": "respond" },
        ],
        "grpc_replies": { "path": "/.heartbeat/grpc" },
        "counters": counters,
    })
}

/// Rules and counters that look at all of a request that they can look at.
fn worst_config() -> Value {
    let header = json!([{ "name": "x-worst", "contains": "aaaaaaab" }]);
    let counter = |name: &str, request: Value| {
        json!({
            "name": name,
            "when": { "request": request },
            "labels": { "worst": { "request_header": "x-worst", "values": ["a", "b"] } },
        })
    };
    json!({
        "probes": [
            { "name": "below", "match": { "path_prefix": "/status", "headers": header } },
            { "name": "anywhere", "match": { "headers": header } },
            { "name": "hosts", "match": { "path_prefix": "/health" }, "action": "cache" },
        ],
        "counters": [
            counter("worst_paths", json!({ "path_prefix": "/status" })),
            counter("worst_headers", json!({ "headers": header })),
        ],
    })
}

/// The filter, in a VM of its own. What is shipped has FAIL_RELOAD, which costs the same,
/// but lets requests pass where the VM isn't there: a contender that isn't would be free.
pub fn wasm(name: &str, config: &Value) -> Value {
    json!({ "name": "heartbeat", "typed_config": {
        "@type": format!("{TYPES}.filters.http.wasm.v3.Wasm"),
        "config": {
            "name": name,
            "root_id": name,
            "failure_policy": "FAIL_CLOSED",
            "allow_on_headers_stop_iteration": true,
            "vm_config": {
                "vm_id": name,
                "runtime": "envoy.wasm.runtime.v8",
                "code": { "local": { "filename": "/etc/envoy/heartbeat_filter.wasm" } },
            },
            "configuration": {
                "@type": "type.googleapis.com/google.protobuf.StringValue",
                "value": config.to_string(),
            },
        },
    } })
}

fn native(path: &str, mode: &Value) -> Value {
    let mut config = json!({
        "@type": format!("{TYPES}.filters.http.health_check.v3.HealthCheck"),
        "headers": [{ "name": ":path", "string_match": { "exact": path } }],
    });
    crate::envoy::merge::merge(&mut config, mode);
    json!({ "name": "health_check", "typed_config": config })
}

fn lua(script: &str) -> Value {
    json!({ "name": "lua", "typed_config": {
        "@type": format!("{TYPES}.filters.http.lua.v3.Lua"),
        "default_source_code": { "inline_string": script },
    } })
}

/// An Envoy with these listeners, in front of `upstream`.
pub fn envoy(
    tools: &Tools,
    listeners: &[Listener],
    upstream: &CountingUpstream,
) -> Result<EnvoyBuilder> {
    Ok(EnvoyBuilder::from_config(tools, config(listeners))
        .destination("app", upstream.address)
        .destination("app_grpc", upstream.address)
        .workers(1)
        .log_level("error"))
}

/// An Envoy with all contenders, and the modules of those that don't run ours as it
/// ships. They are made in an order that begins at a place of `turn`'s own.
pub fn envoy_with_all(
    tools: &Tools,
    upstream: &CountingUpstream,
    untrimmed: &Path,
    written: &Written,
    turn: usize,
) -> Result<EnvoyBuilder> {
    let mut listeners = contenders();
    let first = turn % listeners.len();
    listeners.rotate_left(first);
    Ok(envoy(tools, &listeners, upstream)?
        .module_of(UNTRIMMED, untrimmed)
        .module_of(EMPTY, written.empty.path())
        .module_of(LEAST, written.least.path())
        .module_of(LEAST_RESPOND, written.least.path()))
}

fn config(listeners: &[Listener]) -> Value {
    let mut all: Vec<_> = listeners.iter().map(ingress).collect();
    all.push(responder());
    json!({
        "node": { "id": "bench", "cluster": "bench" },
        "admin": { "address": { "socket_address": { "address": "127.0.0.1", "port_value": 9901 } } },
        "bootstrap_extensions": [{
            "name": "envoy.bootstrap.internal_listener",
            "typed_config": {
                "@type": format!("{TYPES}.bootstrap.internal_listener.v3.InternalListener"),
            },
        }],
        "static_resources": { "listeners": all, "clusters": [
            cluster("app", socket(), false),
            cluster("app_grpc", socket(), true),
            cluster(
                "heartbeat_responder",
                json!({ "envoy_internal_address": { "server_listener_name": "heartbeat_responder" } }),
                false,
            ),
        ] },
    })
}

fn socket() -> Value {
    json!({ "socket_address": { "address": "127.0.0.1", "port_value": 8080 } })
}

fn cluster(name: &str, address: Value, http2: bool) -> Value {
    let mut cluster = json!({
        "name": name,
        "connect_timeout": "1s",
        "load_assignment": {
            "cluster_name": name,
            "endpoints": [{ "lb_endpoints": [{ "endpoint": { "address": address } }] }],
        },
    });
    if http2 {
        cluster["typed_extension_protocol_options"] = json!({
            "envoy.extensions.upstreams.http.v3.HttpProtocolOptions": {
                "@type": format!("{TYPES}.upstreams.http.v3.HttpProtocolOptions"),
                "explicit_http_config": { "http2_protocol_options": {} },
            },
        });
    }
    cluster
}

fn ingress(listener: &Listener) -> Value {
    let mut filters = listener.filters.clone();
    filters.push(router());
    json!({
        "name": listener.name,
        "address": { "socket_address": { "address": "0.0.0.0", "port_value": 10000 } },
        "filter_chains": [{ "filters": [connection_manager(
            &listener.name,
            &routes(listener.switched_off),
            &filters,
        )] }],
    })
}

/// The routes; switched off, as the shipped files do it: the probes have their own.
fn routes(switched_off: bool) -> Value {
    let mut routes = vec![json!({
        "match": { "path": "/.heartbeat/grpc" },
        "route": { "cluster": "heartbeat_responder" },
    })];
    let mut ordinary = json!({});
    if switched_off {
        routes.push(json!({
            "match": { "safe_regex": { "regex": "/(up|lb|health)" } },
            "route": { "cluster": "app" },
        }));
        routes.push(json!({
            "match": { "prefix": "/grpc.health.v1.Health/", "grpc": {} },
            "route": { "cluster": "app_grpc" },
        }));
        ordinary = json!({
            "request_headers_to_remove": ["x-envoy-upstream-health-check", "x-heartbeat-probe"],
            "typed_per_filter_config": { "heartbeat": {
                "@type": "type.googleapis.com/envoy.config.route.v3.FilterConfig",
                "disabled": true,
            } },
        });
    }
    for (condition, cluster) in
        [(json!({ "prefix": "/", "grpc": {} }), "app_grpc"), (json!({ "prefix": "/" }), "app")]
    {
        let mut route = ordinary.clone();
        route["match"] = condition;
        route["route"] = json!({ "cluster": cluster });
        routes.push(route);
    }
    json!(routes)
}

/// The loopback responder, as the shipped file has it.
fn responder() -> Value {
    let routes = json!([{
        "match": { "path": "/.heartbeat/grpc" },
        "direct_response": { "status": 200, "body": { "inline_string": "heartbeat\n" } },
        "response_headers_to_add": [
            { "header": { "key": "x-heartbeat-responder", "value": "true" } },
        ],
    }]);
    json!({
        "name": "heartbeat_responder",
        "internal_listener": {},
        "filter_chains": [{ "filters": [
            connection_manager("heartbeat_responder", &routes, &[router()]),
        ] }],
    })
}

fn connection_manager(name: &str, routes: &Value, filters: &[Value]) -> Value {
    json!({
        "name": "envoy.filters.network.http_connection_manager",
        "typed_config": {
            "@type": format!("{TYPES}.filters.network.http_connection_manager.v3.HttpConnectionManager"),
            "stat_prefix": name,
            "codec_type": "AUTO",
            "use_remote_address": true,
            "route_config": {
                "name": name,
                "virtual_hosts": [{ "name": "app", "domains": ["*"], "routes": routes }],
            },
            "http_filters": filters,
        },
    })
}

fn router() -> Value {
    json!({ "name": "envoy.filters.http.router", "typed_config": {
        "@type": format!("{TYPES}.filters.http.router.v3.Router"),
    } })
}
