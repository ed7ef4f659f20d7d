//! The shipped resources, with what a test must have otherwise: where the module is, and
//! where the application listens.

use std::net::SocketAddr;
use std::path::Path;

use anyhow::{Context, Result, anyhow};
use serde_json::{Value, json};
use testbed::manifest::Manifest;
use testbed::tools;

/// A shipped resource.
pub fn shipped(file: &str, kind: &str) -> Result<Value> {
    let all = Manifest::read(&tools::envoy_configs().join(file))?;
    let found = all.into_iter().find(|manifest| manifest.kind() == kind);
    Ok(found.with_context(|| format!("no {kind} in {file}"))?.value().clone())
}

/// All resources of a shipped file, for an application at this address and with the module
/// at this path.
pub fn all(file: &str, application: SocketAddr, module: &Path) -> Result<String> {
    let mut text = String::new();
    for manifest in Manifest::read(&tools::envoy_configs().join(file))? {
        let mut value = manifest.value().clone();
        each(&mut value, &mut |object| {
            if object.get("port_value") == Some(&json!(8086)) {
                object["port_value"] = json!(application.port());
            }
            if let Some(code) = object.get_mut("code") {
                *code = json!({ "local": { "filename": module.to_string_lossy() } });
            }
        });
        take_from_file(&mut value, module);
        text += &format!("---\n{value}\n");
    }
    Ok(text)
}

/// Lets a WasmPlugin or a TrafficExtension find its module in a file: only an agent can
/// fetch an image.
pub fn take_from_file(resource: &mut Value, module: &Path) {
    for place in ["/spec", "/spec/wasm"] {
        if let Some(Value::Object(plugin)) = resource.pointer_mut(place)
            && plugin.contains_key("url")
        {
            plugin.insert("url".into(), json!(format!("file://{}", module.display())));
            plugin.remove("sha256");
        }
    }
}

/// What Istio's bootstrap makes of the annotation of the shipped Deployment.
pub fn stats_tags() -> Result<Vec<Value>> {
    let deployment = shipped("istio/deployment.yaml", "Deployment")?;
    let annotations = &deployment["spec"]["template"]["metadata"]["annotations"];
    let config =
        annotations["proxy.istio.io/config"].as_str().context("no proxy.istio.io/config")?;
    let config: Value = serde_saphyr::from_str(config).map_err(|error| anyhow!("{error}"))?;
    let tags = config["extraStatTags"].as_array().context("no extraStatTags")?;
    let tags = tags.iter().filter_map(Value::as_str);
    Ok(tags
        .map(|tag| json!({ "tag_name": tag, "regex": format!(r"({tag}=\.=(.*?);\.;)") }))
        .collect())
}

/// Calls of gRPC's health service to a port of their own: this application has one for each
/// protocol.
pub fn grpc_port(address: SocketAddr) -> String {
    let socket = json!({ "address": address.ip().to_string(), "port_value": address.port() });
    let endpoint = json!({ "endpoint": { "address": { "socket_address": socket } } });
    let cluster = json!({
        "name": "app_grpc", "type": "STATIC", "connect_timeout": "1s",
        "typed_extension_protocol_options": { "envoy.extensions.upstreams.http.v3.HttpProtocolOptions": {
            "@type": "type.googleapis.com/envoy.extensions.upstreams.http.v3.HttpProtocolOptions",
            "explicit_http_config": { "http2_protocol_options": {} },
        } },
        "load_assignment": { "cluster_name": "app_grpc", "endpoints": [{ "lb_endpoints": [endpoint] }] },
    });
    let route = json!({ "name": "app_grpc", "match": { "prefix": "/grpc.health.v1.Health/" },
        "route": { "cluster": "app_grpc", "timeout": "0s" } });
    let patch = |to: &str, operation: &str, value: Value| {
        json!({ "applyTo": to, "match": { "context": "SIDECAR_INBOUND" },
            "patch": { "operation": operation, "value": value } })
    };
    json!({
        "apiVersion": "networking.istio.io/v1alpha3", "kind": "EnvoyFilter",
        "metadata": { "name": "grpc-port", "namespace": "shop" },
        "spec": {
            "workloadSelector": { "labels": { "app": "payments" } },
            "configPatches": [
                patch("CLUSTER", "ADD", cluster), patch("HTTP_ROUTE", "INSERT_FIRST", route),
            ],
        },
    })
    .to_string()
}

/// A service whose one endpoint is here. A sidecar knows it only where it listens for this
/// port.
pub fn service(name: &str, port: u16, address: SocketAddr) -> String {
    json!({
        "apiVersion": "networking.istio.io/v1", "kind": "ServiceEntry",
        "metadata": { "name": name, "namespace": "shop" },
        "spec": {
            "hosts": [format!("{name}.shop.example")], "location": "MESH_EXTERNAL", "resolution": "STATIC",
            "ports": [{ "number": port, "name": "http", "protocol": "HTTP", "targetPort": address.port() }],
            "endpoints": [{ "address": address.ip().to_string() }],
        },
    })
    .to_string()
}

/// A sidecar whose listeners are opened where they say, without redirection by iptables:
/// its port 8086 leads to the application, and so does the way that the shipped files have
/// for the sidecar's own questions.
pub fn inbound(address: &str, application: SocketAddr) -> Result<String> {
    inbound_of(&json!({ "app": "payments" }), address, application)
}

/// The same for pods with these labels only.
pub fn inbound_of(labels: &Value, address: &str, application: SocketAddr) -> Result<String> {
    let mut way = shipped("istio/sidecar.yaml", "ServiceEntry")?;
    way["spec"]["endpoints"][0]["ports"] = json!({ "http": application.port() });
    let sidecar = json!({
        "apiVersion": "networking.istio.io/v1", "kind": "Sidecar",
        "metadata": { "name": format!("at-{address}"), "namespace": "shop" },
        "spec": {
            "workloadSelector": { "labels": labels },
            "ingress": [{
                "port": { "number": 8086, "protocol": "HTTP", "name": "http-health" },
                "bind": address, "captureMode": "NONE",
                "defaultEndpoint": application.to_string(),
            }],
            "egress": [{
                "port": { "number": 15300, "protocol": "HTTP", "name": "http-out" },
                "bind": address, "captureMode": "NONE", "hosts": ["./*"],
            }, {
                "port": { "number": 8086, "protocol": "HTTP", "name": "http-own" },
                // Nobody asks there; without the listener there is no cluster.
                "bind": address.replace("127.0.0.", "127.0.1."), "captureMode": "NONE", "hosts": ["./*"],
            }],
        },
    });
    Ok(format!("{sidecar}\n---\n{way}"))
}

/// Edits every object in a value.
pub fn each(value: &mut Value, edit: &mut dyn FnMut(&mut Value)) {
    match value {
        Value::Object(_) => {
            edit(value);
            value
                .as_object_mut()
                .into_iter()
                .flat_map(|it| it.values_mut())
                .for_each(|it| each(it, edit));
        }
        Value::Array(list) => list.iter_mut().for_each(|it| each(it, edit)),
        _ => {}
    }
}
