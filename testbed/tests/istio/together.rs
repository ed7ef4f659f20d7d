//! The shipped resources beside each other, and the plugin beside Istio's own filters.

use std::net::SocketAddr;

use anyhow::{Context, Result, ensure};
use serde_json::{Value, json};
use testbed::app::Application;
use testbed::tools::Tools;

use crate::istiod::Istiod;
use crate::proxy::{Proxy, Role};
use crate::sidecar::{Form, LISTENER};
use crate::workload;

/// What is for a sidecar, but for the plugin: those must work beside it.
const BESIDE: [&str; 5] = [
    "istio/telemetry.yaml",
    "istio/grpc-responder.yaml",
    "istio/grpc-responder-policy.yaml",
    "istio/probe-connections.yaml",
    "istio/external-payments.yaml",
];

/// A public key; nobody has the other one any more.
const KEYS: &str = r#"{"keys":[{"kty":"RSA","alg":"RS256","e":"AQAB","n":"lxc3mQ7IZnexJRDRKsGOpy4gHPzdf07tDSw1yORp8HEMYi1nA4PtzQgMMZEoC5TEPiL-B7mq_9DGEoAhjDvm6apWx47ruZJlCMElvOz_udFf_xUnv56OT1AICoNqIrWSkEIe-QHBjlD6-3x6pTg2qzyaVkw7iBae9rUbB70eZT9wP8sdJvgIMwVhhV1zTrkSOJ1wf1rRpbzEWDGemUhVeW_90cmEk1UU7uaThmGYT-H_mScWW3ylQYiSRoUeiPIaqnKWhuMb7NiSH5LB3HBDM9cz9_uO05bSo7jfPGC_8Whg3UKqR5wSIYxcqNCoa5_x8VMf1UVfyLUU0ts4M4-mDQ"}]}"#;

/// Everything for a sidecar at once.
pub async fn all(tools: &Tools) -> Result<()> {
    let application = Application::start(tools)?;
    let address = application.addresses.http;
    let istiod = Istiod::start(tools).await?;
    istiod.apply(&workload::inbound(&LISTENER.ip().to_string(), address)?).await?;
    istiod.apply(&Form::WasmPlugin.shipped(tools)?.to_string()).await?;
    for file in BESIDE {
        let text = workload::all(file, address, tools.module()?)?;
        // A listener that everybody may open.
        let text = text.replace(r#""number":80,"#, r#""number":15300,"#);
        let text = text.replace(r#""number":80}"#, r#""number":15300}"#);
        istiod.apply(&text).await.with_context(|| file.to_owned())?;
    }
    // The policy of the responder lets nothing else pass.
    istiod.apply(&allow_all()).await?;
    let proxy = Proxy::start(tools, &istiod, Role::Sidecar, LISTENER).await?;
    proxy.answers("/readyz", 200).await?;
    proxy.answers("/orders/1", 200).await?;
    proxy.answers("/livez", 200).await?;
    proxy.took_all().await?;

    let responder = SocketAddr::from(([127, 0, 0, 1], 15099));
    let direct = testbed::client::http::Request::new("GET", "/.heartbeat/grpc");
    let answer = testbed::client::http::fetch(responder, &direct).await?;
    ensure!(answer.status == 200 && answer.text() == "heartbeat\n", "{}", answer.text());

    let probes = proxy
        .envoy
        .admin_get("/stats?filter=cluster\\.heartbeat_probes\\.upstream_rq_total")
        .await?;
    ensure!(!probes.trim().ends_with(": 0"), "no probe went by probe-connections.yaml: {probes}");
    let log = proxy.envoy.log()?;
    ensure!(log.contains("/orders/1"), "the access log has no order");
    ensure!(!log.contains("GET /livez"), "the access log has probes in spite of telemetry.yaml");
    unbounded_callbacks(&proxy).await?;

    // In front of it, as for an authorizer that is an EnvoyFilter's.
    let first = workload::all("istio/before-ext-authz.yaml", address, tools.module()?)?;
    istiod.apply(&first).await?;
    let start = std::time::Instant::now();
    while proxy.filters().await?.first().map(String::as_str) != Some("shop.heartbeat-first") {
        ensure!(start.elapsed() < crate::proxy::TIMEOUT, "{:?}", proxy.filters().await?);
        tokio::time::sleep(std::time::Duration::from_millis(50)).await;
    }
    proxy.answers("/readyz", 200).await?;
    proxy.took_all().await?;
    proxy.envoy.stop()
}

/// What external-payments.yaml is for: the route of callbacks has no timeout.
async fn unbounded_callbacks(proxy: &Proxy) -> Result<()> {
    let routes = proxy.dump("dynamic_route_configs").await?;
    let mut found = vec![];
    collect(&routes, &mut found);
    let timeout = |name: &str| {
        let route = found.iter().find(|route| route["name"] == name);
        route.map(|route| route["route"]["timeout"].clone())
    };
    ensure!(
        timeout("callbacks") == Some(json!("0s")) && timeout("payments") == Some(json!("10s")),
        "callbacks {:?}, payments {:?}",
        timeout("callbacks"),
        timeout("payments")
    );
    Ok(())
}

fn collect(value: &Value, found: &mut Vec<Value>) {
    match value {
        Value::Object(object) => {
            if object.get("route").is_some_and(|route| route.get("timeout").is_some()) {
                found.push(value.clone());
            }
            object.values().for_each(|it| collect(it, found));
        }
        Value::Array(list) => list.iter().for_each(|it| collect(it, found)),
        _ => {}
    }
}

/// A policy that allows everything.
pub fn allow_all() -> String {
    json!({
        "apiVersion": "security.istio.io/v1", "kind": "AuthorizationPolicy",
        "metadata": { "name": "all", "namespace": "shop" },
        "spec": { "action": "ALLOW", "rules": [{}] },
    })
    .to_string()
}

/// Beside authentication by token and authorization: AUTHN comes before both, AUTHZ
/// between them, STATS behind; among plugins of one phase the priority says.
pub async fn order(tools: &Tools) -> Result<()> {
    let application = Application::start(tools)?;
    let istiod = Istiod::start(tools).await?;
    let address = application.addresses.http;
    istiod.apply(&workload::inbound(&LISTENER.ip().to_string(), address)?).await?;
    let tokens = json!({
        "apiVersion": "security.istio.io/v1", "kind": "RequestAuthentication",
        "metadata": { "name": "tokens", "namespace": "shop" },
        "spec": { "jwtRules": [{ "issuer": "https://example.com", "jwks": KEYS }] },
    });
    istiod.apply(&tokens.to_string()).await?;
    istiod.apply(&allow_all()).await?;
    let shipped = Form::WasmPlugin.shipped(tools)?;
    let named = |name: &str, phase: &str, priority: i32| {
        let mut plugin = shipped.clone();
        plugin["metadata"]["name"] = json!(name);
        plugin["spec"]["phase"] = json!(phase);
        plugin["spec"]["priority"] = json!(priority);
        plugin["spec"]["pluginConfig"] = json!({ "probes": [] });
        plugin.to_string()
    };
    for (name, phase, priority) in [
        ("second", "AUTHN", 1),
        ("first", "AUTHN", 2),
        ("third", "AUTHZ", 9),
        ("fourth", "STATS", 9),
    ] {
        istiod.apply(&named(name, phase, priority)).await?;
    }
    let proxy = Proxy::start(tools, &istiod, Role::Sidecar, LISTENER).await?;
    proxy.answers("/orders/1", 200).await?;
    proxy.took_all().await?;
    let filters = proxy.filters().await?;
    let place = |name: &str| {
        let found = filters.iter().position(|filter| filter.contains(name));
        found.with_context(|| format!("no {name} in {filters:?}"))
    };
    let wanted =
        ["shop.first", "shop.second", "jwt_authn", "shop.third", "rbac", "shop.fourth", "router"];
    let places = wanted.into_iter().map(place).collect::<Result<Vec<_>>>()?;
    ensure!(places.is_sorted(), "not in the order {wanted:?}: {filters:?}");
    proxy.envoy.stop()
}

/// What else a plugin can say of itself: the direction of the traffic that it is for, and
/// what becomes of requests where it fails. Two of them share a VM, and each has its own
/// configuration.
pub async fn two(tools: &Tools) -> Result<()> {
    let application = Application::start(tools)?;
    let istiod = Istiod::start(tools).await?;
    let address = application.addresses.http;
    istiod.apply(&workload::inbound(&LISTENER.ip().to_string(), address)?).await?;
    let shipped = Form::WasmPlugin.shipped(tools)?;
    let named = |name: &str, strategy: &str, mode: &str| {
        let mut plugin = shipped.clone();
        plugin["metadata"]["name"] = json!(name);
        plugin["spec"]["failStrategy"] = json!(strategy);
        plugin["spec"]["match"] = json!([{ "mode": mode }]);
        let probe =
            json!({ "name": name, "match": { "path": format!("/{name}") }, "action": "respond" });
        plugin["spec"]["pluginConfig"] = json!({ "probes": [probe] });
        plugin.to_string()
    };
    let all = [
        // The last is the name that Envoy has for the strategy.
        ("reloads", "FAIL_RELOAD", "SERVER", "FAIL_RELOAD"),
        ("closes", "FAIL_CLOSE", "SERVER", "FAIL_CLOSED"),
        ("opens", "FAIL_OPEN", "CLIENT_AND_SERVER", "FAIL_OPEN"),
        ("elsewhere", "FAIL_RELOAD", "CLIENT", "FAIL_RELOAD"),
    ];
    for (name, strategy, mode, _) in all {
        istiod.apply(&named(name, strategy, mode)).await?;
    }
    let proxy = Proxy::start(tools, &istiod, Role::Sidecar, LISTENER).await?;
    for (name, _, mode, _) in all {
        let status = if mode == "CLIENT" { 404 } else { 200 };
        proxy.answers(&format!("/{name}"), status).await?;
    }
    proxy.took_all().await?;
    let sent = proxy.dump("ecds_filters").await?;
    // That for the other direction is in the listener of what goes out.
    for (name, _, _, strategy) in all {
        let extensions = sent["configs"].as_array().into_iter().flatten();
        let mut configs = extensions.map(|it| &it["ecds_filter"]["typed_config"]["config"]);
        let config = configs.find(|it| it["name"].as_str().is_some_and(|it| it.contains(name)));
        let policy = config.map(|config| config.get("failure_policy").cloned());
        let expected = Some(Some(json!(strategy)));
        ensure!(policy == expected, "{name} has {policy:?}");
    }
    proxy.envoy.stop()
}
