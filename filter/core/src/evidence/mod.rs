//! What the answer of a `respond` probe rests on.
//!
//! The facts stand in shared data: [`crate::background`] gathers them in one VM,
//! and every worker reads them here. What they mean for a probe is a pure
//! function of the facts, the rule and the time.

pub mod condition;
mod findings;
mod ordinary;
pub mod report;

pub(crate) use findings::Detail;

use crate::base::metric::GaugeId;
use crate::base::time::WallClock;
use crate::evidence::condition::{ClusterRule, OnStale, Severity};
use crate::evidence::report::Report;
use crate::facts::admin::Admin;
use crate::facts::check::Check;
use crate::facts::traffic::{Count, Tally, TrafficRule, Window};
use crate::guards::upstream::Upstreams;
use crate::score::{self, ScoreKeeper};
use crate::state::{Cell, Change, Context, Shared, SharedStore};
use std::rc::Rc;
use std::time::Duration;

/// All evidence of a configuration.
#[derive(Debug)]
pub struct Evidence {
    /// The background checks.
    pub checks: Vec<Rc<Check>>,
    /// The admin interface, where the configuration says where it is.
    pub admin: Option<Rc<Admin>>,
    pub(crate) traffic: Vec<Traffic>,
    /// What this worker has counted of ordinary requests.
    pub(crate) tally: Tally,
    /// The health score, where the configuration wants one.
    pub score: Option<ScoreKeeper>,
    /// What probes have shown of the clusters that they went to.
    pub(crate) upstreams: Upstreams,
    /// The VM that gathers it.
    pub(crate) gatherer: Cell,
    /// Where it stands since when that VM does, where anybody can look at that.
    pub(crate) holder: Option<Cell>,
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
    /// For each item 1 where it speaks for health, and 0 where it doesn't or nobody knows.
    pub(crate) up: Vec<GaugeId>,
    /// What the log says of its verdict.
    pub(crate) told: Cell,
}

#[derive(Debug)]
pub(crate) struct Traffic {
    pub(crate) rule: TrafficRule,
    pub(crate) window: Shared<Window>,
}

/// One item of a rule's `when`, compiled.
#[derive(Debug)]
pub(crate) struct Item {
    pub(crate) name: String,
    pub(crate) source: Source,
    pub(crate) severity: Severity,
    pub(crate) on_stale: OnStale,
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
pub(crate) enum Source {
    Check(Rc<Check>),
    Server,
    Cluster(Vec<usize>, ClusterRule),
    Traffic(usize),
    /// The least that the score must be; `None` where it is only shown.
    Score(Option<u16>),
}

impl Evidence {
    /// What the evidence says now; in words only where someone reads them.
    pub(crate) fn report(
        &self,
        items: &[Item],
        detail: Detail,
        cx: Context<'_, impl SharedStore>,
    ) -> Report {
        let from_admin = |item: &Item| matches!(item.source, Source::Server | Source::Cluster(..));
        let admin = self.admin.as_deref().filter(|_| items.iter().any(from_admin));
        let seen = admin.map(|admin| (admin, admin.state.read(cx)));
        // Where a score is kept it is shown, also by rules that don't rest on it.
        let rests_on_score = items.iter().any(|item| matches!(item.source, Source::Score(_)));
        let score = self.score.as_ref().filter(|_| !rests_on_score).map(|_| Item::score());
        let items = items.iter().chain(&score);
        let findings = items.map(|item| self.finding(item, seen.as_ref(), detail, cx));
        Report { at: self.clock.at(cx.now), findings: findings.collect() }
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
    pub fn share(&self, cx: Context<'_, impl SharedStore>) {
        if let Some(score) = &self.score {
            score.share(cx);
        }
        let count = self.tally.take();
        if count == Count::default() {
            return;
        }
        for traffic in &self.traffic {
            // What can't be written is lost: a few requests of many.
            let _ = traffic.window.update(cx, |window| {
                window.add(&traffic.rule, count, cx.now);
                Change::Write(())
            });
        }
    }
}

#[cfg(test)]
mod tests;
