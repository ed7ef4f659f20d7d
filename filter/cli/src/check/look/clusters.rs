//! Clusters that a configuration names and the bootstrap doesn't have.

use super::bootstrap;
use crate::check::finding::{Finding, Rule};
use crate::source::{File, Found, Loaded, Node};

pub fn look(_: &File, found: &Found, loaded: &Loaded) -> Vec<Finding> {
    let (Some(config), Some(bootstrap)) = (&found.config, bootstrap::of(loaded)) else {
        return Vec::new();
    };
    let Some(clusters) = bootstrap::clusters(bootstrap) else { return Vec::new() };
    let known: Vec<&str> = clusters.into_iter().filter_map(bootstrap::name).collect();
    let mut findings = Vec::new();
    for (place, cluster) in named(&config.root) {
        let Some(name) = cluster.text().filter(|name| !known.contains(name)) else { continue };
        let problem = format!("Envoy has no cluster {name:?}; there are: {}", list(&known));
        findings.push(Finding::new(Rule::Cluster, config.position(cluster), place, problem));
    }
    findings
}

/// The first of many are enough to see which file it is.
fn list(names: &[&str]) -> String {
    const MOST: usize = 10;
    match names.split_at_checked(MOST) {
        Some((first, rest @ [_, ..])) => format!("{}, and {} more", first.join(", "), rest.len()),
        _ if names.is_empty() => "none".to_owned(),
        _ => names.join(", "),
    }
}

/// Every value that names a cluster, with its place. What somebody's own names are keys of
/// may have a `cluster` that means something else.
fn named(root: &Node) -> Vec<(String, &Node)> {
    let mut all = Vec::new();
    collect(root, String::new(), &mut all);
    all
}

fn collect<'n>(node: &'n Node, place: String, all: &mut Vec<(String, &'n Node)>) {
    for (index, item) in node.items().iter().enumerate() {
        collect(item, format!("{place}[{index}]"), all);
    }
    for member in node.members() {
        let separator = if place.is_empty() { "" } else { "." };
        let place = format!("{place}{separator}{}", member.key);
        match &*member.key {
            "labels" | "metadata" | "headers" => {}
            "cluster" => all.push((place, &member.value)),
            "clusters" => {
                let items = member.value.items().iter().enumerate();
                all.extend(items.map(|(index, item)| (format!("{place}[{index}]"), item.as_ref())));
            }
            _ => collect(&member.value, place, all),
        }
    }
}
