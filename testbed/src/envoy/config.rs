//! Edits of an Envoy configuration, which is plain JSON here.

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::path::Path;

use serde_json::{Value, json};

use super::merge::merge;

/// What the filter is configured with.
#[derive(Clone, Debug, Default, PartialEq)]
pub enum PluginConfig {
    /// What stands in the file.
    #[default]
    Shipped,
    /// Nothing at all.
    Absent,
    /// These bytes.
    Text(String),
}

/// Points every Wasm plugin at `module`.
pub fn set_module(config: &mut Value, module: &Path) {
    let module = module.to_string_lossy();
    each_plugin(config, &mut |plugin| {
        if let Some(local) = plugin.pointer_mut("/vm_config/code/local") {
            *local = json!({ "filename": module });
        }
    });
}

/// Whether any Wasm plugin is loaded.
pub fn has_plugin(config: &mut Value) -> bool {
    let mut found = false;
    each_plugin(config, &mut |_| found = true);
    found
}

/// Configures every Wasm plugin.
pub fn set_plugin_config(config: &mut Value, plugin_config: &PluginConfig) {
    each_plugin(config, &mut |plugin| match plugin_config {
        PluginConfig::Shipped => {}
        PluginConfig::Absent => {
            plugin.as_object_mut().map(|plugin| plugin.remove("configuration"));
        }
        PluginConfig::Text(text) => {
            plugin["configuration"] = json!({
                "@type": "type.googleapis.com/google.protobuf.StringValue",
                "value": text,
            });
        }
    });
}

/// Merges `patch` into every HTTP connection manager.
pub fn merge_hcm(config: &mut Value, patch: &Value) {
    each_object(config, &mut |object| {
        let kind = object.get("@type").and_then(Value::as_str).unwrap_or_default();
        if kind.ends_with(".HttpConnectionManager") {
            merge(object, patch);
        }
    });
}

/// Moves every listener to the loopback interface, the first one to `port` and
/// the others to free ports; returns their names, in order. Port 0 is a free one.
pub fn move_listeners(config: &mut Value, mut port: u16) -> Vec<String> {
    let mut names = Vec::new();
    let listeners = config.pointer_mut("/static_resources/listeners").and_then(Value::as_array_mut);
    for listener in listeners.into_iter().flatten() {
        // Internal listeners have no socket.
        let Some(socket) = listener.pointer_mut("/address/socket_address") else { continue };
        *socket = socket_address(SocketAddr::from(([127, 0, 0, 1], std::mem::take(&mut port))));
        let generated = format!("listener_{}", names.len());
        let name = listener["name"].as_str().map_or(generated, str::to_owned);
        listener["name"] = json!(name);
        names.push(name);
    }
    names
}

/// Moves the admin interface, and the clusters that lead to it, to `address`.
pub fn move_admin(config: &mut Value, address: SocketAddr) {
    let shipped = config.pointer("/admin/address/socket_address/port_value").cloned();
    merge(
        config,
        &json!({ "admin": { "address": { "socket_address": socket_address(address) } } }),
    );
    if let Some(shipped) = shipped {
        each_endpoint(config, &mut |_, socket| {
            if socket["port_value"] == shipped {
                *socket = socket_address(address);
            }
        });
    }
}

/// Points endpoints at `destinations`, chosen by the cluster's name or else by
/// the endpoint's host name.
pub fn set_endpoints(config: &mut Value, destinations: &BTreeMap<String, SocketAddr>) {
    each_endpoint(config, &mut |cluster, socket| {
        let host = socket["address"].as_str().unwrap_or_default();
        if let Some(address) = destinations.get(cluster).or_else(|| destinations.get(host)) {
            *socket = socket_address(*address);
        }
    });
}

fn socket_address(address: SocketAddr) -> Value {
    json!({ "address": address.ip().to_string(), "port_value": address.port() })
}

fn each_plugin(config: &mut Value, edit: &mut dyn FnMut(&mut Value)) {
    each_object(config, &mut |object| {
        if object.get("vm_config").is_some() {
            edit(object);
        }
    });
}

fn each_endpoint(config: &mut Value, edit: &mut dyn FnMut(&str, &mut Value)) {
    let clusters = config.pointer_mut("/static_resources/clusters").and_then(Value::as_array_mut);
    for cluster in clusters.into_iter().flatten() {
        let name = cluster["name"].as_str().unwrap_or_default().to_owned();
        each_object(cluster, &mut |object| {
            // Other addresses in a cluster are not where it leads to.
            if let Some(socket) = object
                .get_mut("endpoint")
                .and_then(|endpoint| endpoint.pointer_mut("/address/socket_address"))
            {
                edit(&name, socket);
            }
        });
    }
}

/// Calls `edit` with every object in `value`, the outer before the inner.
fn each_object(value: &mut Value, edit: &mut dyn FnMut(&mut Value)) {
    if value.is_object() {
        edit(value);
    }
    match value {
        Value::Object(object) => object.values_mut().for_each(|value| each_object(value, edit)),
        Value::Array(list) => list.iter_mut().for_each(|value| each_object(value, edit)),
        _ => {}
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn config() -> Value {
        json!({
            "admin": { "address": { "socket_address": { "address": "0.0.0.0", "port_value": 9901 } } },
            "static_resources": {
                "listeners": [
                    { "name": "edge", "address": { "socket_address": { "address": "0.0.0.0", "port_value": 10000 } },
                      "filter": { "@type": "type.googleapis.com/x.v3.HttpConnectionManager", "a": 1,
                                  "config": { "vm_config": { "code": { "local": { "filename": "old" } } },
                                              "configuration": { "value": "old" } } } },
                    { "name": "inside", "internal_listener": {} },
                    { "address": { "socket_address": { "address": "0.0.0.0", "port_value": 10001 } } },
                ],
                "clusters": [
                    { "name": "app", "lb": [ { "endpoint": { "address": { "socket_address": { "address": "x", "port_value": 1 } } } } ] },
                    { "name": "copy", "lb": [ { "endpoint": { "address": { "socket_address": { "address": "app", "port_value": 1 } } } } ] },
                    { "name": "self", "lb": [ { "endpoint": { "address": { "socket_address": { "address": "y", "port_value": 9901 } } } } ] },
                ],
            },
        })
    }

    fn endpoint(config: &Value, cluster: usize) -> &Value {
        &config["static_resources"]["clusters"][cluster]["lb"][0]["endpoint"]["address"]["socket_address"]
    }

    #[test]
    fn clusters_follow_the_application_and_the_admin_interface() {
        let (app, admin) =
            (SocketAddr::from(([127, 0, 0, 1], 4)), SocketAddr::from(([127, 0, 0, 1], 5)));
        let mut config = config();
        set_endpoints(&mut config, &BTreeMap::from([("app".into(), app)]));
        move_admin(&mut config, admin);
        assert_eq!(*endpoint(&config, 0), socket_address(app));
        assert_eq!(*endpoint(&config, 1), socket_address(app));
        assert_eq!(*endpoint(&config, 2), socket_address(admin));
        assert_eq!(config["admin"]["address"]["socket_address"], socket_address(admin));
    }

    #[test]
    fn listeners_are_moved_and_named() {
        let mut config = config();
        assert_eq!(move_listeners(&mut config, 7), ["edge", "listener_1"]);
        let port = |listener: usize| {
            &config["static_resources"]["listeners"][listener]["address"]["socket_address"]["port_value"]
        };
        assert_eq!((port(0), port(2)), (&json!(7), &json!(0)));
    }

    #[test]
    fn plugins_and_connection_managers_are_found_where_they_are() {
        let mut config = config();
        set_module(&mut config, Path::new("new.wasm"));
        set_plugin_config(&mut config, &PluginConfig::Text("{}".into()));
        merge_hcm(&mut config, &json!({ "b": 2 }));
        let hcm = config["static_resources"]["listeners"][0]["filter"].clone();
        assert_eq!(hcm["config"]["vm_config"]["code"]["local"]["filename"], "new.wasm");
        assert_eq!(hcm["config"]["configuration"]["value"], "{}");
        assert_eq!((&hcm["a"], &hcm["b"]), (&json!(1), &json!(2)));

        set_plugin_config(&mut config, &PluginConfig::Absent);
        let plugin = &config["static_resources"]["listeners"][0]["filter"]["config"];
        assert!(plugin.get("configuration").is_none());
        assert!(has_plugin(&mut config));
    }
}
