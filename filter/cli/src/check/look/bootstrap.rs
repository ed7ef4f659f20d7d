//! What an Envoy's bootstrap has.

use crate::source::{Loaded, Node};

/// The bootstrap that a plugin stands in, if it is one.
pub fn of(loaded: &Loaded) -> Option<&Node> {
    let root = &loaded.document.root;
    root.field("static_resources").map(|_| root.as_ref())
}

/// Its clusters, if they are all that Envoy will have.
pub fn clusters(bootstrap: &Node) -> Option<Vec<&Node>> {
    let dynamic = bootstrap.field("dynamic_resources");
    let more = dynamic.is_some_and(|dynamic| dynamic.field("cds_config").is_some());
    if more {
        return None;
    }
    let clusters = bootstrap.field("static_resources")?.field("clusters");
    Some(clusters.map_or(&[][..], |clusters| clusters.items()).iter().map(AsRef::as_ref).collect())
}

/// The name of a cluster.
pub fn name(cluster: &Node) -> Option<&str> {
    cluster.get("name")?.text()
}

/// The ports that an address, or what it stands in, has.
pub fn ports(node: &Node) -> Vec<u64> {
    let here = node.field("port_value").and_then(|port| port.number()?.parse().ok());
    here.into_iter().chain(node.children().flat_map(|child| ports(child))).collect()
}
