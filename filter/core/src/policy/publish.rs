//! What is published, compiled.

use crate::base::metric::Registry;
use crate::config::Config;
use crate::evidence::{Evidence, Item};
use crate::publish::rule::Subject;
use crate::publish::{Publisher, define};
use crate::state::{Cell, fingerprint, key};
use std::rc::Rc;

/// What the rules of a configuration want published. `items` are those of its probes, in
/// their order.
pub(super) fn publishers(
    config: &Config,
    items: &[Rc<[Item]>],
    evidence: &Evidence,
    plugin: &str,
    metrics: &mut Registry<'_>,
) -> Vec<Publisher> {
    if config.publish.is_empty() {
        return Vec::new();
    }
    let results = define(metrics);
    let mut publishers = Vec::new();
    for (place, rule) in config.publish.iter().enumerate() {
        let items = match &rule.subject {
            Subject::Probe(name) => {
                let mut probes = config.probes.iter().zip(items);
                let found = probes.find(|(probe, _)| probe.name == *name);
                found.map(|(_, items)| Rc::clone(items)).unwrap_or_default()
            }
            Subject::When { owner, conditions } => evidence.items(owner, conditions, config),
        };
        // What is new is said at once, and that begins the rounds anew.
        let print = fingerprint(rule.cluster.as_str());
        let cells = ["publish", "publish-told"]
            .map(|kind| Cell::alone(key(plugin, &[kind, &place.to_string()]), print));
        publishers.push(Publisher::new(rule, items, cells, results));
    }
    publishers
}
