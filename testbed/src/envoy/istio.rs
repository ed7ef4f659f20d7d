//! What istiod makes of an EnvoyFilter, as far as ours need it.
//! <https://istio.io/latest/docs/reference/config/networking/envoy-filter/>

use anyhow::{Context, Result, bail};
use serde_json::Value;

/// Applies an EnvoyFilter to a static configuration, whose first listener stands for
/// the sidecar's inbound ones.
pub fn apply_envoy_filter(config: &mut Value, filter: &Value) -> Result<()> {
    let patches = filter.pointer("/spec/configPatches").and_then(Value::as_array);
    for told in patches.context("this is no EnvoyFilter")? {
        let value = told["patch"]["value"].clone();
        let to = told["applyTo"].as_str().unwrap_or_default();
        match (to, told["patch"]["operation"].as_str().unwrap_or_default()) {
            ("LISTENER", "ADD") => items(config, "/static_resources/listeners")?.push(value),
            ("CLUSTER", "ADD") => items(config, "/static_resources/clusters")?.push(value),
            ("HTTP_ROUTE", "INSERT_FIRST") => {
                let hosts = "/static_resources/listeners/0/filter_chains/0/filters/0/typed_config/route_config/virtual_hosts";
                for host in items(config, hosts)? {
                    items(host, "/routes")?.insert(0, value.clone());
                }
            }
            (to, operation) => bail!("nothing here knows {operation} of {to}"),
        }
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
    use serde_json::json;

    fn filter(to: &str, operation: &str) -> Value {
        let patch = json!({ "operation": operation, "value": { "name": "new" } });
        json!({ "spec": { "configPatches": [{ "applyTo": to, "patch": patch }] } })
    }

    #[test]
    fn a_cluster_is_added_behind_the_others() {
        let mut config = json!({ "static_resources": { "clusters": [{ "name": "old" }] } });
        apply_envoy_filter(&mut config, &filter("CLUSTER", "ADD")).unwrap();
        assert_eq!(config["static_resources"]["clusters"][1]["name"], "new");
    }

    #[test]
    fn what_nothing_here_knows_is_an_error() {
        let error = apply_envoy_filter(&mut json!({}), &filter("CLUSTER", "MERGE")).unwrap_err();
        assert!(error.to_string().contains("MERGE of CLUSTER"));
        assert!(apply_envoy_filter(&mut json!({}), &json!({})).is_err());
        assert!(apply_envoy_filter(&mut json!({}), &filter("LISTENER", "ADD")).is_err());
    }
}
