//! Edits of the addresses in an Envoy configuration: where it listens, and where its
//! clusters lead.

use std::collections::{BTreeMap, BTreeSet};
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};

use anyhow::Result;
use serde_json::{Value, json};

use super::merge::merge;
use super::walk::each_object;

/// The host name of endpoints that lead to the first listener.
const SELF: &str = "self";

/// Moves every listener to the loopback interface, the first one to `port` and
/// the others to free ports; returns their names, in order. Port 0 is a free one.
/// Endpoints whose host name is a listener's, or `self` for the first one, lead
/// there, and so do those whose address is the one that the listener had: to a port of
/// `choose`, as Envoy must know it beforehand.
pub fn move_listeners(
    config: &mut Value,
    mut port: u16,
    choose: impl Fn() -> Result<u16>,
) -> Result<Vec<String>> {
    let mut hosts = BTreeSet::new();
    each_endpoint(config, &mut |_, socket| hosts.extend(names_of(socket)));
    let (mut names, mut homes) = (Vec::new(), BTreeMap::new());
    let listeners = config.pointer_mut("/static_resources/listeners").and_then(Value::as_array_mut);
    for listener in listeners.into_iter().flatten() {
        // Internal listeners have no socket.
        let Some(socket) = listener.pointer("/address/socket_address") else { continue };
        // Whoever writes ::1 wants IPv6; any other address is as good as another.
        let loopback = match socket["address"].as_str() {
            Some("::1") => IpAddr::from(Ipv6Addr::LOCALHOST),
            _ => IpAddr::from(Ipv4Addr::LOCALHOST),
        };
        let generated = format!("listener_{}", names.len());
        let name = listener["name"].as_str().map_or(generated, str::to_owned);
        let first = names.is_empty().then_some(SELF);
        let [_, shipped] = names_of(socket);
        let called: Vec<_> = first
            .into_iter()
            .chain([&*name, &*shipped])
            .filter(|name| hosts.contains(*name))
            .collect();
        let mut port = std::mem::take(&mut port);
        if !called.is_empty() && port == 0 {
            port = choose()?;
        }
        let address = SocketAddr::new(loopback, port);
        homes.extend(called.into_iter().map(|name| (name.to_owned(), address)));
        listener["address"]["socket_address"] = socket_address(address);
        listener["name"] = json!(name);
        names.push(name);
    }
    each_endpoint(config, &mut |_, socket| {
        if let Some(home) = names_of(socket).iter().find_map(|name| homes.get(name)) {
            *socket = socket_address(*home);
        }
    });
    Ok(names)
}

/// What a listener at this socket may be called: the host, and the host with the port.
fn names_of(socket: &Value) -> [String; 2] {
    let host = socket["address"].as_str().unwrap_or_default();
    [host.to_owned(), format!("{host}:{}", socket["port_value"])]
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

/// The application of a cluster: probes may have one of their own to it.
fn application(cluster: &str) -> &str {
    cluster.strip_suffix("_probes").unwrap_or(cluster)
}

/// Points endpoints at `destinations`, chosen by the endpoint's host name or
/// else by the cluster's name.
pub fn set_endpoints(config: &mut Value, destinations: &BTreeMap<String, SocketAddr>) {
    each_endpoint(config, &mut |cluster, socket| {
        let host = socket["address"].as_str().unwrap_or_default();
        if let Some(address) =
            destinations.get(host).or_else(|| destinations.get(application(cluster)))
        {
            *socket = socket_address(*address);
        }
    });
}

/// Lets an Envoy that has a host of its own be reached there, and look up `applications`
/// by name; of a name with `_grpc` behind it the host is the name before that. Endpoints
/// whose host name is `admin` lead to its own `admin` port. Returns its listeners' names.
pub fn move_to_host(
    config: &mut Value,
    applications: &BTreeMap<String, SocketAddr>,
    admin: u16,
) -> Vec<String> {
    let inside = SocketAddr::from((Ipv4Addr::LOCALHOST, admin));
    let clusters = config.pointer_mut("/static_resources/clusters").and_then(Value::as_array_mut);
    for cluster in clusters.into_iter().flatten() {
        let name = cluster["name"].as_str().unwrap_or_default().to_owned();
        let mut named = false;
        each_endpoint_of(cluster, &mut |socket| {
            let host = socket["address"].as_str().unwrap_or_default();
            if host == "admin" {
                *socket = socket_address(inside);
                return;
            }
            let found = [host, application(&name)]
                .into_iter()
                .find_map(|key| applications.get_key_value(key));
            if let Some((key, address)) = found {
                let host = key.strip_suffix("_grpc").unwrap_or(key);
                *socket = json!({ "address": host, "port_value": address.port() });
                named = true;
            }
        });
        if named {
            cluster["type"] = json!("STRICT_DNS");
            cluster["dns_lookup_family"] = json!("V4_ONLY");
        }
    }
    let everywhere = SocketAddr::from((Ipv4Addr::UNSPECIFIED, admin));
    config["admin"] = json!({ "address": { "socket_address": socket_address(everywhere) } });
    let listeners = config.pointer("/static_resources/listeners").and_then(Value::as_array);
    let names = listeners.into_iter().flatten().filter_map(|listener| listener["name"].as_str());
    names.map(str::to_owned).collect()
}

fn socket_address(address: SocketAddr) -> Value {
    json!({ "address": address.ip().to_string(), "port_value": address.port() })
}

fn each_endpoint(config: &mut Value, edit: &mut dyn FnMut(&str, &mut Value)) {
    let clusters = config.pointer_mut("/static_resources/clusters").and_then(Value::as_array_mut);
    for cluster in clusters.into_iter().flatten() {
        let name = cluster["name"].as_str().unwrap_or_default().to_owned();
        each_endpoint_of(cluster, &mut |socket| edit(&name, socket));
    }
}

fn each_endpoint_of(cluster: &mut Value, edit: &mut dyn FnMut(&mut Value)) {
    each_object(cluster, &mut |object| {
        // Other addresses in a cluster are not where it leads to.
        if let Some(socket) = object
            .get_mut("endpoint")
            .and_then(|endpoint| endpoint.pointer_mut("/address/socket_address"))
        {
            edit(socket);
        }
    });
}

#[cfg(test)]
mod tests {
    use super::*;

    fn config() -> Value {
        json!({
            "admin": { "address": { "socket_address": { "address": "0.0.0.0", "port_value": 9901 } } },
            "static_resources": {
                "listeners": [
                    { "name": "edge", "address": { "socket_address": { "address": "0.0.0.0", "port_value": 10000 } } },
                    { "name": "inside", "internal_listener": {} },
                    { "address": { "socket_address": { "address": "::1", "port_value": 10001 } } },
                ],
                "clusters": [
                    { "name": "app", "lb": [ { "endpoint": { "address": { "socket_address": { "address": "x", "port_value": 1 } } } } ] },
                    { "name": "copy", "lb": [ { "endpoint": { "address": { "socket_address": { "address": "app", "port_value": 1 } } } } ] },
                    { "name": "app", "lb": [ { "endpoint": { "address": { "socket_address": { "address": "admin", "port_value": 1 } } } } ] },
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
        set_endpoints(&mut config, &BTreeMap::from([("app".into(), app), ("admin".into(), admin)]));
        move_admin(&mut config, admin);
        assert_eq!(*endpoint(&config, 0), socket_address(app));
        assert_eq!(*endpoint(&config, 1), socket_address(app));
        // The host's name comes before the cluster's.
        assert_eq!(*endpoint(&config, 2), socket_address(admin));
        assert_eq!(*endpoint(&config, 3), socket_address(admin));
        assert_eq!(config["admin"]["address"]["socket_address"], socket_address(admin));
    }

    #[test]
    fn on_a_host_of_its_own_it_looks_applications_up_by_name() {
        let mut config = config();
        let anywhere = |port| SocketAddr::from(([0, 0, 0, 0], port));
        let applications =
            BTreeMap::from([("app".into(), anywhere(8080)), ("self_grpc".into(), anywhere(8081))]);
        config["static_resources"]["clusters"][3]["name"] = json!("self_grpc");
        let listeners = move_to_host(&mut config, &applications, 9901);
        assert_eq!(listeners, ["edge", "inside"]);
        assert_eq!(*endpoint(&config, 0), json!({ "address": "app", "port_value": 8080 }));
        assert_eq!(*endpoint(&config, 1), json!({ "address": "app", "port_value": 8080 }));
        assert_eq!(*endpoint(&config, 3), json!({ "address": "self", "port_value": 8081 }));
        let admin = json!({ "address": "127.0.0.1", "port_value": 9901 });
        assert_eq!(*endpoint(&config, 2), admin);
        let kind = |cluster: usize| &config["static_resources"]["clusters"][cluster]["type"];
        assert_eq!([kind(0), kind(1), kind(3)], [&json!("STRICT_DNS"); 3]);
        assert_eq!(config["admin"]["address"]["socket_address"]["address"], "0.0.0.0");
    }

    #[test]
    fn listeners_are_moved_and_named() {
        let mut config = config();
        let moved = move_listeners(&mut config, 7, || unreachable!());
        assert_eq!(moved.unwrap(), ["edge", "listener_1"]);
        let address = |listener: usize| {
            &config["static_resources"]["listeners"][listener]["address"]["socket_address"]
        };
        assert_eq!(*address(0), json!({ "address": "127.0.0.1", "port_value": 7 }));
        assert_eq!(*address(2), json!({ "address": "::1", "port_value": 0 }));
    }

    #[test]
    fn endpoints_follow_the_listener_whose_address_they_have() {
        let mut config = config();
        for (cluster, port) in [(0, 10_001), (1, 10_002)] {
            config["static_resources"]["clusters"][cluster]["lb"][0]["endpoint"]["address"]["socket_address"] =
                json!({ "address": "::1", "port_value": port });
        }
        move_listeners(&mut config, 0, || Ok(9)).unwrap();
        assert_eq!(*endpoint(&config, 0), json!({ "address": "::1", "port_value": 9 }));
        assert_eq!(endpoint(&config, 1)["port_value"], 10_002);
    }

    #[test]
    fn endpoints_lead_to_listeners_by_name() {
        let mut config = config();
        for (cluster, host) in [(0, "self"), (1, "listener_1"), (2, "edge")] {
            let path = format!(
                "/static_resources/clusters/{cluster}/lb/0/endpoint/address/socket_address/address"
            );
            *config.pointer_mut(&path).unwrap() = json!(host);
        }
        let mut preferred = config.clone();
        move_listeners(&mut config, 0, || Ok(9)).unwrap();
        let edge = json!({ "address": "127.0.0.1", "port_value": 9 });
        assert_eq!([endpoint(&config, 0), endpoint(&config, 2)], [&edge; 2]);
        assert_eq!(*endpoint(&config, 1), json!({ "address": "::1", "port_value": 9 }));
        assert_eq!(endpoint(&config, 3)["address"], "y");
        assert_eq!(config["static_resources"]["listeners"][0]["address"]["socket_address"], edge);

        move_listeners(&mut preferred, 7, || Ok(9)).unwrap();
        assert_eq!(endpoint(&preferred, 0)["port_value"], 7);
    }
}
