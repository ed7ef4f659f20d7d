//! What the conditions of a configuration look at.

use crate::config::Config;
use crate::evidence::condition::{Basis, Condition};
use crate::facts::traffic::TrafficRule;
use crate::probe::{Action, ProbeRule};

/// The conditions of a configuration that look at ordinary requests, and whose they are:
/// one at most of each probe and of each hub that is told.
pub(super) fn traffic_rules(config: &Config) -> impl Iterator<Item = (&str, &TrafficRule)> {
    conditions(config).into_iter().filter_map(|(probe, condition)| match &condition.basis {
        Basis::Traffic(rule) => Some((probe, rule)),
        _ => None,
    })
}

/// The clusters whose hosts are of interest.
pub(super) fn clusters_of_interest(config: &Config) -> Vec<String> {
    let mut clusters: Vec<String> = Vec::new();
    let in_conditions =
        conditions(config).into_iter().flat_map(|(_, condition)| match &condition.basis {
            Basis::Cluster(rule) => rule.names.as_slice(),
            _ => &[],
        });
    let in_score = config.score.iter().flat_map(|rule| &rule.clusters);
    for name in in_conditions.chain(in_score) {
        if !clusters.contains(name) {
            clusters.push(name.clone());
        }
    }
    clusters
}

#[inline(never)]
pub(super) fn conditions(config: &Config) -> Vec<(&str, &Condition)> {
    let mut all = Vec::new();
    for rule in &config.probes {
        all.extend(conditions_of(rule).iter().map(|condition| (rule.name.as_str(), condition)));
    }
    for rule in &config.publish {
        let (owner, conditions) = rule.own_conditions();
        all.extend(conditions.iter().map(|condition| (owner, condition)));
    }
    all
}

pub(super) fn conditions_of(rule: &ProbeRule) -> &[Condition] {
    match &rule.action {
        Action::Respond(respond) => &respond.when,
        _ => &[],
    }
}
