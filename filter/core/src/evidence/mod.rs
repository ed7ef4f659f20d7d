//! What the answer of a `respond` probe rests on.
//!
//! The facts stand in shared data: [`crate::background`] gathers them in one VM,
//! and every worker reads them here. What they mean for a probe is a pure
//! function of the facts, the rule and the time.

pub mod admin;
pub mod check;
mod findings;
mod shared;
pub mod traffic;

pub use shared::Shared;

use crate::config::{Action, AdminRule, Basis, CheckRule, ClusterRule, Condition, Config};
use crate::config::{OnStale, ProbeRule, Severity, TrafficRule};
use crate::policy::MetricIndex;
use crate::report::Report;
use crate::state::{Cell, Cells, SharedStore, fingerprint};
use crate::time::Nanos;
use admin::AdminState;
use check::CheckState;
use std::time::Duration;
use traffic::{Count, Tally, Window};

/// All evidence of a configuration.
#[derive(Debug)]
pub struct Evidence {
    /// The background checks.
    pub checks: Vec<Check>,
    /// The admin interface, where the configuration says where it is.
    pub admin: Option<Admin>,
    traffic: Vec<Traffic>,
    /// What this worker has counted of ordinary requests.
    pub tally: Tally,
    /// The VM that gathers it.
    pub(crate) gatherer: Cell,
}

/// A background check.
#[derive(Debug)]
pub struct Check {
    pub(crate) rule: CheckRule,
    pub(crate) state: Shared<CheckState>,
    pub(crate) round: Cell,
    /// Shows whether it is up.
    pub(crate) metric: MetricIndex,
}

/// Envoy's admin interface.
#[derive(Debug)]
pub struct Admin {
    pub(crate) rule: AdminRule,
    /// The clusters whose hosts are of interest.
    pub(crate) clusters: Vec<String>,
    pub(crate) state: Shared<AdminState>,
    pub(crate) round: Cell,
}

#[derive(Debug)]
struct Traffic {
    rule: TrafficRule,
    window: Shared<Window>,
}

/// One item of a rule's `when`, compiled.
#[derive(Debug)]
pub(crate) struct Item {
    name: String,
    source: Source,
    severity: Severity,
    on_stale: OnStale,
}

/// Where the facts of an item are, by its place in [`Evidence`].
#[derive(Debug)]
enum Source {
    Check(usize),
    Server,
    Cluster(usize, ClusterRule),
    Traffic(usize),
}

impl Evidence {
    /// Makes room for the evidence of a configuration. `plugin` tells its plugin
    /// from the others of the proxy; the metrics of its checks begin at `metric`.
    pub fn compile(config: &Config, plugin: &str, metric: MetricIndex) -> Self {
        let cell = |kind: &str, name: &str, fingerprint: u64| {
            Cells::new(format!("heartbeat/{plugin}/{kind}/{name}"), fingerprint).scope(&[])
        };
        // What is known of a check outlives a change of its pace.
        let checks = config.checks.iter().zip(metric..).map(|(rule, metric)| Check {
            rule: rule.clone(),
            state: Shared::new(cell("check", &rule.name, fingerprint(&rule.call))),
            round: cell("round", &rule.name, fingerprint(rule)),
            metric,
        });
        let clusters = clusters_of_interest(config);
        let admin = config.admin.as_ref().map(|rule| {
            let print = fingerprint(&(rule, &clusters));
            Admin {
                rule: rule.clone(),
                clusters,
                state: Shared::new(cell("admin", "", print)),
                round: cell("admin-round", "", print),
            }
        });
        let traffic = traffic_rules(config).map(|(probe, rule)| Traffic {
            rule: rule.clone(),
            window: Shared::new(cell("traffic", probe, fingerprint(rule))),
        });
        // Whoever gathers for one configuration doesn't for another.
        let print = fingerprint(&(&config.checks, &config.admin, clusters_of_interest(config)));
        Self {
            checks: checks.collect(),
            admin,
            traffic: traffic.collect(),
            tally: Tally::default(),
            gatherer: cell("gatherer", "", print),
        }
    }

    /// Compiles the `when` of a probe rule.
    pub(crate) fn items(&self, rule: &ProbeRule, config: &Config) -> Vec<Item> {
        let item = |condition: &Condition| {
            let source = match &condition.basis {
                Basis::Check(name) => {
                    Source::Check(self.checks.iter().position(|check| check.rule.name == *name)?)
                }
                Basis::Server => Source::Server,
                Basis::Cluster(rule) => {
                    let clusters = &self.admin.as_ref()?.clusters;
                    let place = clusters.iter().position(|cluster| *cluster == rule.name)?;
                    Source::Cluster(place, rule.clone())
                }
                Basis::Traffic(_) => Source::Traffic(
                    traffic_rules(config).position(|(probe, _)| probe == rule.name)?,
                ),
            };
            Some(Item {
                name: condition.basis.name(),
                source,
                severity: condition.severity,
                on_stale: condition.on_stale,
            })
        };
        conditions_of(rule).iter().filter_map(item).collect()
    }

    /// What the evidence says now.
    pub(crate) fn report(&self, items: &[Item], store: &impl SharedStore, now: Nanos) -> Report {
        let from_admin = |item: &Item| matches!(item.source, Source::Server | Source::Cluster(..));
        let admin = self.admin.as_ref().filter(|_| items.iter().any(from_admin));
        let seen = admin.map(|admin| (admin, admin.state.read(store, now)));
        let findings = items.iter().map(|item| self.finding(item, seen.as_ref(), store, now));
        Report { at: now, findings: findings.collect() }
    }

    /// Whether ordinary requests are to be counted.
    pub fn counts_traffic(&self) -> bool {
        !self.traffic.is_empty()
    }

    /// How often what was counted is to be shared; `None` where nothing is.
    pub fn share_every(&self) -> Option<Duration> {
        let shortest = self.traffic.iter().map(|traffic| traffic.rule.window).min()?;
        Some((shortest / 20).min(Duration::from_secs(1)))
    }

    /// Shares what this worker has counted.
    pub fn share(&self, store: &impl SharedStore, now: Nanos) {
        let count = self.tally.take();
        if count == Count::default() {
            return;
        }
        for traffic in &self.traffic {
            // What can't be written is lost: a few requests of many.
            let _ = traffic.window.update(store, now, |window| {
                window.add(&traffic.rule, count, now);
                ((), true)
            });
        }
    }
}

/// The conditions of a configuration that look at ordinary requests, and the
/// probes that they are for: one for each probe at most.
fn traffic_rules(config: &Config) -> impl Iterator<Item = (&str, &TrafficRule)> {
    conditions(config).filter_map(|(probe, condition)| match &condition.basis {
        Basis::Traffic(rule) => Some((probe, rule)),
        _ => None,
    })
}

fn clusters_of_interest(config: &Config) -> Vec<String> {
    let mut clusters = Vec::new();
    for (_, condition) in conditions(config) {
        if let Basis::Cluster(rule) = &condition.basis
            && !clusters.contains(&rule.name)
        {
            clusters.push(rule.name.clone());
        }
    }
    clusters
}

fn conditions(config: &Config) -> impl Iterator<Item = (&str, &Condition)> {
    config.probes.iter().flat_map(|rule| {
        conditions_of(rule).iter().map(|condition| (rule.name.as_str(), condition))
    })
}

fn conditions_of(rule: &ProbeRule) -> &[Condition] {
    match &rule.action {
        Action::Respond(respond) => &respond.when,
        _ => &[],
    }
}

#[cfg(test)]
mod tests;
