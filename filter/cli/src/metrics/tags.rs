//! What has Envoy make labels of what is in names. See docs/reference/metrics.md.

use std::collections::BTreeSet;

/// The regular expression that takes a label out of a name, whatever stands beside it.
pub fn regex(label: &str) -> String {
    format!(r"^wasmcustom\.(?:.*;\.;)?({label}=\.=(.*?);\.;)")
}

/// A part of a stock Envoy's bootstrap, in YAML.
pub fn stats_config(labels: &BTreeSet<&str>) -> String {
    let mut yaml = "stats_config:\n  stats_tags:\n".to_owned();
    for label in labels {
        let regex = serde_json::Value::from(regex(label));
        yaml.push_str(&format!("    - {{ tag_name: {label}, regex: {regex} }}\n"));
    }
    yaml
}

/// The list of labels that Istio takes.
pub fn list(labels: &BTreeSet<&str>) -> String {
    labels.iter().copied().collect::<Vec<_>>().join(",")
}

/// A part of a pod template, in YAML.
pub fn annotation(labels: &BTreeSet<&str>) -> String {
    let list = list(labels);
    format!("metadata:\n  annotations:\n    sidecar.istio.io/extraStatTags: {list}\n")
}
