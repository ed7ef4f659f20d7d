//! What istiod and Istio's agent make of a resource, as far as ours need it.
//! <https://istio.io/latest/docs/reference/config/>

use anyhow::{Context, Result, anyhow, bail, ensure};
use serde_json::{Value, json};

use super::merge::merge;

/// Where the HTTP connection manager of the first listener is, which stands for the
/// sidecar's inbound ones.
const INBOUND: &str = "/static_resources/listeners/0/filter_chains/0/filters/0/typed_config";

/// Applies a resource to a static configuration.
pub fn apply(config: &mut Value, resource: &Value) -> Result<()> {
    match resource["kind"].as_str().unwrap_or_default() {
        "EnvoyFilter" => apply_envoy_filter(config, resource),
        "ConfigMap" => apply_bootstrap(config, resource),
        "Telemetry" => apply_telemetry(config, resource),
        "ServiceEntry" => apply_service_entry(config, resource),
        kind => bail!("nothing here knows what Istio makes of a {kind:?}"),
    }
}

fn apply_envoy_filter(config: &mut Value, filter: &Value) -> Result<()> {
    let patches = filter.pointer("/spec/configPatches").and_then(Value::as_array);
    let mut extensions = vec![];
    for patch in patches.context("this EnvoyFilter has no patches")? {
        let value = patch["patch"]["value"].clone();
        let to = patch["applyTo"].as_str().unwrap_or_default();
        match (to, patch["patch"]["operation"].as_str().unwrap_or_default()) {
            ("LISTENER", "ADD") => items(config, "/static_resources/listeners")?.push(value),
            ("CLUSTER", "ADD") => items(config, "/static_resources/clusters")?.push(value),
            ("CLUSTER", "MERGE") => {
                let service = patch.pointer("/match/cluster/service").and_then(Value::as_str);
                merge_clusters(config, service.context("a patch of every cluster")?, &value)?;
            }
            ("EXTENSION_CONFIG", "ADD") => extensions.push(value),
            ("HTTP_FILTER", "INSERT_FIRST") => {
                items(config, &format!("{INBOUND}/http_filters"))?.insert(0, value);
            }
            ("HTTP_ROUTE", "INSERT_FIRST") => {
                for host in items(config, &format!("{INBOUND}/route_config/virtual_hosts"))? {
                    items(host, "/routes")?.insert(0, value.clone());
                }
            }
            (to, operation) => bail!("nothing here knows {operation} of {to}"),
        }
    }
    extensions.into_iter().try_for_each(|extension| deliver(config, extension))
}

/// Puts an extension where filters ask for it by name, with the module in a file,
/// as the agent has fetched it.
fn deliver(config: &mut Value, mut extension: Value) -> Result<()> {
    let code = extension.pointer_mut("/typed_config/config/vm_config/code");
    let code = code.context("an EXTENSION_CONFIG without a module")?;
    ensure!(code.pointer("/remote/http_uri/uri").is_some(), "there is no URI to fetch from");
    *code = json!({ "local": { "filename": "" } });
    let mut asked = false;
    for filter in items(config, &format!("{INBOUND}/http_filters"))? {
        if filter["name"] == extension["name"] && filter.get("config_discovery").is_some() {
            *filter = extension.clone();
            asked = true;
        }
    }
    ensure!(asked, "no filter asks for the EXTENSION_CONFIG {}", extension["name"]);
    Ok(())
}

/// Adds the clusters that a sidecar gets for a service whose endpoints istiod knows.
fn apply_service_entry(config: &mut Value, entry: &Value) -> Result<()> {
    let spec = &entry["spec"];
    ensure!(spec["resolution"] == "STATIC", "nothing here knows this resolution");
    let hosts = spec["hosts"].as_array().context("no hosts")?;
    for host in hosts.iter().filter_map(Value::as_str) {
        for port in spec["ports"].as_array().context("no ports")? {
            let name = format!("outbound|{}||{host}", port["number"]);
            let source =
                json!({ "ads": {}, "initial_fetch_timeout": "0s", "resource_api_version": "V3" });
            items(config, "/static_resources/clusters")?.push(json!({
                "name": name, "type": "EDS", "connect_timeout": "10s",
                "eds_cluster_config": { "eds_config": source, "service_name": name },
            }));
        }
    }
    Ok(())
}

/// Merges into the clusters of a service.
fn merge_clusters(config: &mut Value, service: &str, patch: &Value) -> Result<()> {
    let mut found = false;
    for cluster in items(config, "/static_resources/clusters")? {
        if cluster["name"].as_str().is_some_and(|name| name.ends_with(&format!("||{service}"))) {
            merge(cluster, patch);
            found = true;
            // Protobuf has only one of them, the last.
            let source = cluster.pointer_mut("/eds_cluster_config/eds_config");
            if let Some(source) = source.and_then(Value::as_object_mut)
                && source.contains_key("api_config_source")
            {
                source.remove("ads");
            }
        }
    }
    ensure!(found, "there is no cluster of {service}");
    Ok(())
}

/// Adds clusters and listeners to a bootstrap that knows the agent's socket, as Istio's does:
/// those in the ConfigMap that a pod's annotation `sidecar.istio.io/bootstrapOverride` names.
fn apply_bootstrap(config: &mut Value, map: &Value) -> Result<()> {
    let text = map["data"]["custom_bootstrap.json"].as_str().context("no custom_bootstrap.json")?;
    let patch: Value = serde_saphyr::from_str(text).map_err(|error| anyhow!("{error}"))?;
    let resources = patch["static_resources"].as_object().context("no static_resources")?;
    ensure!(patch.as_object().is_some_and(|patch| patch.len() == 1), "more than that");
    for (kind, added) in resources {
        let added = added.as_array().with_context(|| format!("{kind} is no list"))?;
        items(config, &format!("/static_resources/{kind}"))?.extend(added.iter().cloned());
    }
    let pipe =
        json!({ "address": { "pipe": { "path": "var/run/secrets/workload-spiffe-uds/socket" } } });
    items(config, "/static_resources/clusters")?.push(json!({
        "name": "sds-grpc", "type": "STATIC", "connect_timeout": "1s",
        "typed_extension_protocol_options": { "envoy.extensions.upstreams.http.v3.HttpProtocolOptions": {
            "@type": "type.googleapis.com/envoy.extensions.upstreams.http.v3.HttpProtocolOptions",
            "explicit_http_config": { "http2_protocol_options": {} },
        } },
        "load_assignment": { "cluster_name": "sds-grpc",
            "endpoints": [{ "lb_endpoints": [{ "endpoint": pipe }] }] },
    }));
    Ok(())
}

fn apply_telemetry(config: &mut Value, telemetry: &Value) -> Result<()> {
    let logs = telemetry.pointer("/spec/accessLogging").and_then(Value::as_array);
    let manager = config.pointer_mut(INBOUND).context("no HTTP connection manager")?;
    for log in logs.context("nothing here knows a Telemetry but for access logs")? {
        let expression = log.pointer("/filter/expression").context("a log without a filter")?;
        let list = manager.as_object_mut().context("no object")?.entry("access_log");
        let list = list.or_insert_with(|| json!([])).as_array_mut().context("no list")?;
        list.push(json!({
            "name": "envoy.access_loggers.stdout",
            "filter": { "extension_filter": {
                "name": "envoy.access_loggers.extension_filters.cel",
                "typed_config": {
                    "@type": "type.googleapis.com/envoy.extensions.access_loggers.filters.cel.v3.ExpressionFilter",
                    "expression": expression,
                },
            } },
            "typed_config": {
                "@type": "type.googleapis.com/envoy.extensions.access_loggers.stream.v3.StdoutAccessLog",
            },
        }));
    }
    Ok(())
}

fn items<'a>(config: &'a mut Value, pointer: &str) -> Result<&'a mut Vec<Value>> {
    let list = config.pointer_mut(pointer).and_then(Value::as_array_mut);
    list.with_context(|| format!("the configuration has no list at {pointer}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn filter(patches: &[(&str, &str, Value)]) -> Value {
        let patches: Vec<_> = patches
            .iter()
            .map(|(to, operation, value)| {
                json!({ "applyTo": to, "patch": { "operation": operation, "value": value } })
            })
            .collect();
        json!({ "kind": "EnvoyFilter", "spec": { "configPatches": patches } })
    }

    fn inbound() -> Value {
        let manager = json!({ "typed_config": { "http_filters": [{ "name": "router" }] } });
        json!({ "static_resources": { "listeners": [{ "filter_chains": [{ "filters": [manager] }] }] } })
    }

    #[test]
    fn a_cluster_is_added_behind_the_others() {
        let mut config = json!({ "static_resources": { "clusters": [{ "name": "old" }] } });
        apply(&mut config, &filter(&[("CLUSTER", "ADD", json!({ "name": "new" }))])).unwrap();
        assert_eq!(config["static_resources"]["clusters"][1]["name"], "new");
    }

    #[test]
    fn an_extension_is_delivered_to_the_filter_that_asks_for_it() {
        let code = json!({ "remote": { "http_uri": { "uri": "oci://x" } } });
        let extension = json!({ "name": "wasm", "typed_config": { "config": { "vm_config": { "code": code } } } });
        let asking = json!({ "name": "wasm", "config_discovery": {} });
        let added = ("EXTENSION_CONFIG", "ADD", extension);
        let mut config = inbound();
        let patches = [added.clone(), ("HTTP_FILTER", "INSERT_FIRST", asking)];
        apply(&mut config, &filter(&patches)).unwrap();
        let filters = config.pointer(INBOUND).unwrap()["http_filters"].clone();
        let filename = "/typed_config/config/vm_config/code/local/filename";
        assert_eq!(filters[0].pointer(filename), Some(&json!("")));
        assert_eq!(filters[1]["name"], "router");

        let error = apply(&mut inbound(), &filter(&[added])).unwrap_err();
        assert!(error.to_string().contains("no filter asks"), "{error}");
    }

    #[test]
    fn a_telemetry_adds_a_log_with_its_filter() {
        let log = json!({ "filter": { "expression": "false" } });
        let telemetry = json!({ "kind": "Telemetry", "spec": { "accessLogging": [log] } });
        let mut config = inbound();
        apply(&mut config, &telemetry).unwrap();
        let expression =
            format!("{INBOUND}/access_log/0/filter/extension_filter/typed_config/expression");
        assert_eq!(config.pointer(&expression), Some(&json!("false")));
    }

    #[test]
    fn a_bootstrap_gets_more_clusters_and_listeners() {
        let mut config = inbound();
        config["static_resources"]["clusters"] = json!([{ "name": "old" }]);
        let new = json!([{ "name": "new" }]);
        let map = |text: &Value| json!({ "kind": "ConfigMap", "data": { "custom_bootstrap.json": text.to_string() } });
        let added = json!({ "static_resources": { "clusters": new, "listeners": new } });
        apply(&mut config, &map(&added)).unwrap();
        let names = |kind: &str| {
            let all = config["static_resources"][kind].as_array().unwrap();
            all.iter().map(|it| it["name"].clone()).collect::<Vec<_>>()
        };
        assert_eq!(names("clusters"), ["old", "new", "sds-grpc"]);
        assert_eq!(names("listeners"), [json!(null), json!("new")]);
        let odd = map(&json!({ "static_resources": {}, "node": {} }));
        assert!(apply(&mut config, &odd).is_err());
        assert!(apply(&mut config, &json!({ "kind": "ConfigMap", "data": {} })).is_err());
    }

    #[test]
    fn a_service_asks_elsewhere_for_its_endpoints() {
        let spec = json!({ "hosts": ["a.b"], "resolution": "STATIC", "ports": [{ "number": 80 }] });
        let entry = json!({ "kind": "ServiceEntry", "spec": spec });
        let mut config = json!({ "static_resources": { "clusters": [] } });
        apply(&mut config, &entry).unwrap();
        let source = json!({ "eds_cluster_config": { "eds_config": { "api_config_source": 1 } } });
        let mut patch = filter(&[("CLUSTER", "MERGE", source)]);
        patch["spec"]["configPatches"][0]["match"] = json!({ "cluster": { "service": "a.b" } });
        apply(&mut config, &patch).unwrap();
        let cluster = &config["static_resources"]["clusters"][0];
        assert_eq!(cluster["name"], "outbound|80||a.b");
        let source = &cluster["eds_cluster_config"]["eds_config"];
        assert_eq!((&source["api_config_source"], source.get("ads")), (&json!(1), None));
        patch["spec"]["configPatches"][0]["match"] = json!({ "cluster": { "service": "c.d" } });
        assert!(apply(&mut config, &patch).is_err(), "of a service that isn't there");
    }

    #[test]
    fn what_nothing_here_knows_is_an_error() {
        let error =
            apply(&mut json!({}), &filter(&[("LISTENER", "MERGE", json!({}))])).unwrap_err();
        assert!(error.to_string().contains("MERGE of LISTENER"));
        for wrong in [json!({}), json!({ "kind": "EnvoyFilter" }), json!({ "kind": "Telemetry" })] {
            assert!(apply(&mut inbound(), &wrong).is_err(), "{wrong}");
        }
        assert!(apply(&mut json!({}), &filter(&[("LISTENER", "ADD", json!({}))])).is_err());
    }
}
