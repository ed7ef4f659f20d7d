//! What the answer of a `respond` probe rests on.
//!
//! The facts stand in shared data: [`crate::background`] gathers them in one VM,
//! and every worker reads them here. What they mean for a probe is a pure
//! function of the facts, the rule and the time.

pub mod condition;
mod findings;
mod ordinary;
pub mod report;

pub(crate) use findings::Words;

use crate::base::metric::MetricIndex;
use crate::base::time::{Nanos, WallClock};
use crate::config::Config;
use crate::evidence::condition::{Basis, ClusterRule, Condition};
use crate::evidence::condition::{OnStale, Severity};
use crate::evidence::report::Report;
use crate::facts::admin;
use crate::facts::admin::Admin;
use crate::facts::check::Check;
use crate::facts::check::CheckResult;
use crate::facts::traffic::TrafficRule;
use crate::facts::traffic::{Count, Tally, Window};
use crate::guards::upstream::{UpstreamMetrics, Upstreams};
use crate::probe::Action;
use crate::probe::ProbeRule;
use crate::score::{self, Keeper};
use crate::state::Shared;
use crate::state::{Cell, SharedStore, fingerprint};
use std::rc::Rc;
use std::time::Duration;

/// All evidence of a configuration.
#[derive(Debug)]
pub struct Evidence {
    /// The background checks.
    pub checks: Vec<Check>,
    /// The admin interface, where the configuration says where it is.
    pub admin: Option<Admin>,
    traffic: Vec<Traffic>,
    /// What this worker has counted of ordinary requests.
    pub(crate) tally: Tally,
    /// The health score, where the configuration wants one.
    pub score: Option<Keeper>,
    /// What probes have shown of the clusters that they went to.
    pub(crate) upstreams: Upstreams,
    /// The VM that gathers it.
    pub(crate) gatherer: Cell,
    /// The rules that rest on it.
    pub(crate) rules: Vec<Rule>,
    /// Who looks at their verdicts next where nobody gathers.
    pub(crate) verdict_round: Cell,
    /// Tells when it was gathered.
    pub clock: WallClock,
}

/// A probe rule that rests on evidence.
#[derive(Debug)]
pub(crate) struct Rule {
    pub(crate) name: String,
    pub(crate) items: Rc<[Item]>,
    /// Show whether each of the items holds.
    pub(crate) metrics: MetricIndex,
    /// What the log says of its verdict.
    pub(crate) told: Cell,
}

#[derive(Debug)]
struct Traffic {
    rule: TrafficRule,
    window: Shared<Window>,
}

/// One item of a rule's `when`, compiled.
#[derive(Debug)]
pub(crate) struct Item {
    pub(crate) name: String,
    source: Source,
    severity: Severity,
    on_stale: OnStale,
}

impl Item {
    /// The score, whatever it is.
    fn score() -> Self {
        let (severity, on_stale) = (Severity::Warn, OnStale::Warn);
        Self { name: "score".to_owned(), source: Source::Score(None), severity, on_stale }
    }
}

/// Where the facts of an item are, by its place in [`Evidence`].
#[derive(Debug)]
enum Source {
    Check(usize),
    Server,
    Cluster(Vec<usize>, ClusterRule),
    Traffic(usize),
    /// The least that the score must be; `None` where it is only shown.
    Score(Option<u16>),
}

/// Where the metrics of evidence begin.
#[derive(Clone, Copy, Debug, Default)]
pub struct EvidenceMetrics {
    /// Those of the checks, as [`of_check`](crate::metrics::of_check) makes them.
    pub checks: MetricIndex,
    /// Those of the score, where there is one.
    pub score: MetricIndex,
    /// Those of upstream clusters.
    pub upstreams: UpstreamMetrics,
    /// That of the admin interface, where it is known.
    pub admin: MetricIndex,
}

impl Evidence {
    /// Makes room for the evidence of a configuration. `plugin` tells its plugin
    /// from the others of the proxy.
    pub fn compile(config: &Config, plugin: &str, metrics: EvidenceMetrics) -> Self {
        let cell = |kind: &str, name: &str, fingerprint: u64| {
            Cell::alone(format!("heartbeat/{plugin}/{kind}/{name}"), fingerprint)
        };
        // What is known of a check outlives a change of its pace.
        let checks =
            config.checks.iter().zip((metrics.checks..).step_by(1 + CheckResult::ALL.len()));
        let checks = checks.map(|(rule, metric)| Check {
            rule: rule.clone(),
            state: Shared::new(cell("check", &rule.name, fingerprint(&rule.call))),
            round: cell("round", &rule.name, fingerprint(rule)),
            metric,
        });
        let clusters = clusters_of_interest(config);
        let score = config
            .score
            .as_ref()
            .map(|rule| Keeper::new(rule, &config.checks, &clusters, cell, metrics.score));
        let side = config.score.as_ref().map(|rule| rule.protocol.handshakes);
        let admin = config.admin.as_ref().map(|rule| {
            let print = fingerprint(&(rule, &clusters, side));
            Admin {
                rule: rule.clone(),
                path: admin::path(&clusters, side),
                clusters,
                state: Shared::new(cell("admin", "", print)),
                round: cell("admin-round", "", print),
                metric: metrics.admin,
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
            score,
            upstreams: Upstreams::new(plugin, metrics.upstreams),
            gatherer: cell("gatherer", "", print),
            rules: Vec::new(),
            verdict_round: cell("verdict-round", "", 0),
            clock: WallClock::default(),
        }
    }

    /// Compiles the `when` of a probe rule of the plugin, whose metrics begin at `metrics`.
    pub(crate) fn add(
        &mut self,
        rule: &ProbeRule,
        config: &Config,
        plugin: &str,
        metrics: MetricIndex,
    ) -> Rc<[Item]> {
        let items: Rc<[Item]> = self.items(rule, config).into();
        if !items.is_empty() {
            let (name, items) = (rule.name.clone(), Rc::clone(&items));
            let told = Cell::alone(["heartbeat/", plugin, "/verdict/", &*name].concat(), 0);
            self.rules.push(Rule { name, items, metrics, told });
        }
        items
    }

    pub(crate) fn items(&self, rule: &ProbeRule, config: &Config) -> Vec<Item> {
        let item = |condition: &Condition| {
            let source = match &condition.basis {
                Basis::Check(name) => {
                    Source::Check(self.checks.iter().position(|check| check.rule.name == *name)?)
                }
                Basis::Server => Source::Server,
                Basis::Cluster(rule) => {
                    let clusters = &self.admin.as_ref()?.clusters;
                    let place = |name| clusters.iter().position(|cluster| cluster == name);
                    let places = rule.names.iter().map(place).collect::<Option<_>>()?;
                    Source::Cluster(places, rule.clone())
                }
                Basis::Traffic(_) => Source::Traffic(
                    traffic_rules(config).position(|(probe, _)| probe == rule.name)?,
                ),
                Basis::Score(min) => Source::Score(Some(*min)),
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

    /// What the evidence says now; in words only where someone reads them.
    pub(crate) fn report(
        &self,
        items: &[Item],
        words: Words,
        store: &impl SharedStore,
        now: Nanos,
    ) -> Report {
        let from_admin = |item: &Item| matches!(item.source, Source::Server | Source::Cluster(..));
        let admin = self.admin.as_ref().filter(|_| items.iter().any(from_admin));
        let seen = admin.map(|admin| (admin, admin.state.read(store, now)));
        // Where a score is kept it is shown, also by rules that don't rest on it.
        let rests_on_score = items.iter().any(|item| matches!(item.source, Source::Score(_)));
        let score = self.score.as_ref().filter(|_| !rests_on_score).map(|_| Item::score());
        let items = items.iter().chain(&score);
        let findings = items.map(|item| self.finding(item, seen.as_ref(), words, store, now));
        Report { at: self.clock.at(now), findings: findings.collect() }
    }

    /// Whether ordinary requests are to be counted.
    pub fn counts_traffic(&self) -> bool {
        !self.traffic.is_empty() || self.score.is_some()
    }

    /// How often what was counted is to be shared; `None` where nothing is.
    pub fn share_every(&self) -> Option<Duration> {
        let windows = self.traffic.iter().map(|traffic| traffic.rule.window / 20);
        let for_score = self.score.iter().map(|_| score::EVERY);
        Some(windows.chain(for_score).min()?.min(Duration::from_secs(1)))
    }

    /// Shares what this worker has counted.
    pub fn share(&self, store: &impl SharedStore, now: Nanos) {
        if let Some(score) = &self.score {
            score.share(store, now);
        }
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

/// The clusters whose hosts are of interest.
pub(crate) fn clusters_of_interest(config: &Config) -> Vec<String> {
    let mut clusters: Vec<String> = Vec::new();
    let in_conditions = conditions(config).flat_map(|(_, condition)| match &condition.basis {
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
