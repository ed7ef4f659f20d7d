//! The shipped resources, with what a test must have otherwise: where the module is, and
//! where the application listens.

use std::net::SocketAddr;
use std::path::Path;

use anyhow::{Context, Result};
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

/// A sidecar whose listeners are opened where they say, without redirection by iptables:
/// its port 8086 leads to the application, and so does the way that the shipped files have
/// for the sidecar's own questions.
pub fn inbound(address: &str, application: SocketAddr) -> Result<String> {
    let mut way = shipped("istio/sidecar.yaml", "ServiceEntry")?;
    way["spec"]["endpoints"][0]["ports"] = json!({ "http": application.port() });
    let sidecar = json!({
        "apiVersion": "networking.istio.io/v1", "kind": "Sidecar",
        "metadata": { "name": "payments", "namespace": "shop" },
        "spec": {
            "workloadSelector": { "labels": { "app": "payments" } },
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
                "bind": "127.0.0.3", "captureMode": "NONE", "hosts": ["./*"],
            }],
        },
    });
    Ok(format!("{sidecar}\n---\n{way}"))
}

fn each(value: &mut Value, edit: &mut dyn FnMut(&mut Value)) {
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
