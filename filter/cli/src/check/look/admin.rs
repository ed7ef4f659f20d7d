//! An admin interface that isn't there, or stands elsewhere.

use super::bootstrap;
use crate::check::finding::{Finding, Rule};
use crate::source::{File, Found, Loaded};

pub fn look(_: &File, found: &Found, loaded: &Loaded) -> Vec<Finding> {
    let (Some(config), Some(bootstrap)) = (&found.config, bootstrap::of(loaded)) else {
        return Vec::new();
    };
    let Some(cluster) = config.root.at_path(&["admin", "cluster"]) else { return Vec::new() };
    let problem = match bootstrap.get("admin").map(|admin| bootstrap::ports(admin)) {
        None => {
            "this Envoy has no admin interface; add admin: { address: { socket_address: { address: 127.0.0.1, port_value: 9901 } } } to the bootstrap".to_owned()
        }
        Some(admin) => {
            let clusters = bootstrap::clusters(bootstrap).unwrap_or_default();
            let named = |it: &&crate::source::Node| bootstrap::name(it) == cluster.text();
            let Some(there) = clusters.into_iter().find(named) else { return Vec::new() };
            let ports = bootstrap::ports(there);
            let leads_there = ports.iter().any(|port| admin.contains(port));
            if leads_there || ports.is_empty() || admin.is_empty() {
                return Vec::new();
            }
            format!(
                "this cluster leads to port {}, and the admin interface is on port {}; have it lead there",
                list(&ports),
                list(&admin)
            )
        }
    };
    vec![Finding::new(Rule::Admin, config.position(cluster), "admin.cluster", problem)]
}

fn list(ports: &[u64]) -> String {
    ports.iter().map(u64::to_string).collect::<Vec<_>>().join(", ")
}
