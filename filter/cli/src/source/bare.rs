//! Documents that are nothing but a configuration.

use super::found::Kind;
use super::tree::Node;

/// The keys of the filter's configuration.
const OF_FILTER: &[&str] =
    &["probes", "checks", "admin", "score", "grpc_replies", "counters", "publish"];

/// The keys of the hub's.
const OF_HUB: &[&str] = &[
    "services",
    "sources",
    "recover",
    "readers",
    "hold",
    "publish_every",
    "limits",
    "backend",
    "webhooks",
];

/// Whose configuration a document is, if it is nothing but one: what `asked` says, or else
/// by its keys.
pub fn kind(root: &Node, asked: Option<Kind>) -> Option<Kind> {
    let has = |keys: &[&str]| keys.iter().any(|key| root.get(key).is_some());
    if is_something_else(root) {
        return None;
    }
    let is_empty = root.is_object() && root.members().is_empty();
    asked
        .or_else(|| (is_empty || has(OF_FILTER)).then_some(Kind::Filter))
        .or_else(|| has(OF_HUB).then_some(Kind::Hub))
}

/// Resources of Kubernetes, and what Envoy reads. An `admin` it has, too.
fn is_something_else(root: &Node) -> bool {
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

    fn keys(schema: &str) -> Vec<String> {
        let schema: Value = serde_json::from_str(schema).unwrap();
        let keys = schema["properties"].as_object().unwrap().keys();
        keys.filter(|key| !key.starts_with('$')).cloned().collect()
    }

    #[test]
    fn the_keys_are_those_of_the_schemas() {
        for (known, schema) in [
            (OF_FILTER, include_str!("../../../../envoy-config/schema/heartbeat.schema.json")),
            (OF_HUB, include_str!("../../../../envoy-config/schema/heartbeat-hub.schema.json")),
        ] {
            let mut known: Vec<String> = known.iter().map(|key| (*key).to_owned()).collect();
            known.sort();
            assert_eq!(known, keys(schema));
        }
    }
}
