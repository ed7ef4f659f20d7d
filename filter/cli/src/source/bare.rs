//! Documents that are nothing but a configuration.

use super::found::Kind;
use super::tree::Node;

/// The keys of the filter's configuration.
const OF_FILTER: &[&str] =
    &["probes", "checks", "admin", "score", "grpc_replies", "counters", "publish"];

/// Those that every configuration of the hub has.
const OF_HUB: &[&str] = &["services", "sources"];

/// Whose configuration a document is, if it is nothing but one: what `asked` says, or else
/// by its keys. `services` alone is a key of others, too.
pub fn kind(root: &Node, asked: Option<Kind>) -> Option<Kind> {
    if is_something_else(root) {
        return None;
    }
    let has = |key: &&str| root.get(key).is_some();
    let is_hub = OF_HUB.iter().all(has);
    let is_empty = root.is_object() && root.members().is_empty();
    let is_filter = is_empty || OF_FILTER.iter().any(has);
    asked.or(is_hub.then_some(Kind::Hub)).or(is_filter.then_some(Kind::Filter))
}

/// Resources of Kubernetes, and what Envoy reads. An `admin` it has, too.
pub fn is_something_else(root: &Node) -> bool {
    let of_envoy = [
        "@type",
        "configs",
        "dynamic_resources",
        "node",
        "resources",
        "static_resources",
        "stats_config",
        "typed_config",
        "vm_config",
    ];
    let is_resource = root.get("kind").is_some() && root.get("apiVersion").is_some();
    is_resource || of_envoy.iter().any(|key| root.field(key).is_some())
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::Value;

    fn schema(schema: &str, of: &str) -> Vec<String> {
        let schema: Value = serde_json::from_str(schema).unwrap();
        let keys: Vec<String> = match &schema[of] {
            Value::Object(properties) => properties.keys().cloned().collect(),
            required => serde_json::from_value(required.clone()).unwrap(),
        };
        keys.into_iter().filter(|key| !key.starts_with('$')).collect()
    }

    #[test]
    fn the_keys_are_those_of_the_schemas() {
        let filter = include_str!("../../../../envoy-config/schema/heartbeat.schema.json");
        let hub = include_str!("../../../../envoy-config/schema/heartbeat-hub.schema.json");
        let mut of_filter = OF_FILTER.to_vec();
        of_filter.sort_unstable();
        assert_eq!(schema(filter, "properties"), of_filter);
        assert_eq!(schema(hub, "required"), OF_HUB);
    }
}
