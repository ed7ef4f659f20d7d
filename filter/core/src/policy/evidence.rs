//! What the conditions of a configuration are compiled to.

use super::conditions::{clusters_of_interest, conditions_of, traffic_rules};
use crate::base::metric::{GaugeId, Registry};
use crate::base::time::WallClock;
use crate::config::Config;
use crate::evidence::condition::{Basis, Condition};
use crate::evidence::{Evidence, Item, Rule, Source, Traffic};
use crate::facts::admin::{self, Admin};
use crate::facts::check::{Check, CheckMetrics, CheckRule};
use crate::facts::traffic::Tally;
use crate::guards::upstream::Upstreams;
use crate::probe::ProbeRule;
use crate::score::ScoreKeeper;
use crate::state::{Cell, Shared, fingerprint, key};
use std::rc::Rc;

impl Evidence {
    /// Makes room for the evidence of a configuration. `plugin` tells its plugin
    /// from the others of the proxy.
    pub fn compile(
        config: &Config,
        plugin: &str,
        upstreams: Upstreams,
        metrics: &mut Registry<'_>,
    ) -> Self {
        let cell = |kind: &str, name: &str, fingerprint: u64| {
            Cell::alone(key(plugin, &[kind, name]), fingerprint)
        };
        // What is known of a check outlives a change of its pace.
        let check = |rule: &CheckRule| {
            let answers = config.score.as_ref().map(|score| {
                let print = fingerprint(&(score.window, &rule.call));
                Shared::new(cell("score-check", &rule.name, print))
            });
            Rc::new(Check {
                rule: rule.clone(),
                state: Shared::new(cell("check", &rule.name, fingerprint(&rule.call))),
                round: cell("round", &rule.name, fingerprint(rule)),
                answers,
                metrics: CheckMetrics::define(&rule.name, metrics),
            })
        };
        let checks: Vec<Rc<Check>> = config.checks.iter().map(check).collect();
        let clusters = clusters_of_interest(config);
        let score = config
            .score
            .as_ref()
            .map(|rule| ScoreKeeper::new(rule, &checks, &clusters, cell, metrics));
        let side = config.score.as_ref().map(|rule| rule.protocol.handshakes);
        let admin = config.admin.as_ref().map(|rule| {
            let print = fingerprint(&(rule, &clusters, side));
            Rc::new(Admin {
                rule: rule.clone(),
                path: admin::path(&clusters, side),
                clusters,
                state: Shared::new(cell("admin", "", print)),
                round: cell("admin-round", "", print),
                up: metrics.gauge("heartbeat_admin_up"),
            })
        });
        let traffic = traffic_rules(config).map(|(probe, rule)| Traffic {
            rule: rule.clone(),
            window: Shared::new(cell("traffic", probe, fingerprint(rule))),
        });
        // Whoever gathers for one configuration doesn't for another.
        let print = fingerprint(&(&config.checks, &config.admin, clusters_of_interest(config)));
        Self {
            checks,
            admin,
            traffic: traffic.collect(),
            tally: Tally::default(),
            score,
            upstreams,
            gatherer: cell("gatherer", "", print),
            holder: None,
            rules: Vec::new(),
            verdict_round: cell("verdict-round", "", 0),
            clock: WallClock::default(),
        }
    }

    /// Compiles the `when` of a probe rule of the plugin.
    pub(crate) fn add(
        &mut self,
        rule: &ProbeRule,
        config: &Config,
        plugin: &str,
        metrics: &mut Registry<'_>,
    ) -> Rc<[Item]> {
        let items = self.items_of(rule, config);
        if !items.is_empty() {
            let (name, items) = (rule.name.clone(), Rc::clone(&items));
            let told = Cell::alone(key(plugin, &["verdict", &name]), 0);
            let mut metrics = metrics.labelled("probe", &name);
            let up = items.iter().map(|item| evidence_up(&item.name, &mut metrics)).collect();
            self.rules.push(Rule { name, items, up, told });
        }
        items
    }

    /// Compiles the conditions of a probe rule.
    pub(crate) fn items_of(&self, rule: &ProbeRule, config: &Config) -> Rc<[Item]> {
        self.items(&rule.name, conditions_of(rule), config)
    }

    /// Compiles conditions that are those of `owner`.
    #[inline(never)]
    pub(crate) fn items(
        &self,
        owner: &str,
        conditions: &[Condition],
        config: &Config,
    ) -> Rc<[Item]> {
        let item = |condition: &Condition| {
            let source = match &condition.basis {
                Basis::Check(name) => {
                    let mut checks = self.checks.iter();
                    Source::Check(Rc::clone(checks.find(|check| check.rule.name == *name)?))
                }
                Basis::Server => Source::Server,
                Basis::Cluster(rule) => {
                    let clusters = &self.admin.as_ref()?.clusters;
                    let place = |name| clusters.iter().position(|cluster| cluster == name);
                    let places = rule.names.iter().map(place).collect::<Option<_>>()?;
                    Source::Cluster(places, rule.clone())
                }
                Basis::Traffic(_) => {
                    Source::Traffic(traffic_rules(config).position(|(known, _)| known == owner)?)
                }
                Basis::Score(min) => Source::Score(Some(*min)),
            };
            Some(Item {
                name: condition.basis.name(),
                source,
                severity: condition.severity,
                on_stale: condition.on_stale,
            })
        };
        conditions.iter().filter_map(item).collect()
    }
}

fn evidence_up(evidence: &str, metrics: &mut Registry<'_>) -> GaugeId {
    // A cluster may be called anything; these mark labels in the stat's name.
    let name = evidence.replace([';', '='], "_");
    metrics.labelled("evidence", &name).gauge("heartbeat_evidence_up")
}
