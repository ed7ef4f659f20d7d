//! What the facts mean for a probe.

use super::{Evidence, Item, Source, Traffic};
use crate::base::outcome::Verdict;
use crate::base::time::{Instant, Nanos, WallClock, nanos};
use crate::base::units::Share;
use crate::evidence::condition::{ClusterRule, Need, OnStale, Severity};
use crate::evidence::report::{Finding, Subject};
use crate::facts::admin::{self, Admin, AdminState, Membership};
use crate::facts::check::{Check, CheckState, CheckStatus};
use crate::facts::traffic::{Reading, Window};
use crate::score::{AxisName, Scored};
use crate::state::{Context, SharedStore};

/// Whether a fact speaks for health.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Holds {
    Yes,
    No,
    /// Nothing was heard of it yet.
    Pending,
    /// It did or it didn't, but that was too long ago; or nobody can know.
    Stale,
}

/// Whether anyone reads what a finding says in words: to most probers only the verdict
/// is told, and a sentence costs more than all the rest.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Detail {
    Full,
    Omitted,
}

impl Detail {
    fn say(self, detail: impl FnOnce() -> String) -> String {
        match self {
            Self::Full => detail(),
            Self::Omitted => String::new(),
        }
    }
}

/// What a fact says, before a rule weighs it.
struct Statement {
    subject: Subject,
    holds: Holds,
    output: String,
    observed: Option<u64>,
    at: Option<Instant>,
}

impl Evidence {
    /// What an item finds. `seen` is what the admin interface shows, where some item
    /// rests on it.
    pub(super) fn finding(
        &self,
        item: &Item,
        seen: Option<&(&Admin, AdminState)>,
        detail: Detail,
        cx: Context<'_, impl SharedStore>,
    ) -> Finding {
        let statement =
            match &item.source {
                Source::Check(check) => {
                    Some(check.state.look(cx, |it| check.statement(it, detail, cx.now)))
                }
                Source::Server => seen.map(|(admin, state)| admin.server(state, detail, cx.now)),
                Source::Cluster(places, rule) => {
                    seen.map(|(admin, state)| admin.clusters(places, rule, state, detail, cx.now))
                }
                Source::Traffic(place) => self.traffic.get(*place).map(|traffic| {
                    traffic.window.look(cx, |it| traffic.statement(it, detail, cx.now))
                }),
                Source::Score(min) => self.score.as_ref().map(|score| {
                    score.scored.look(cx, |it| score_statement(*min, it, detail, cx.now))
                }),
            };
        item.weigh(statement.unwrap_or_else(Statement::nothing), detail, &self.clock)
    }
}

impl Evidence {
    /// Whether the proxy was seen to take no more traffic.
    pub(crate) fn is_draining(&self, cx: Context<'_, impl SharedStore>) -> bool {
        self.admin.as_ref().is_some_and(|admin| {
            let drains = |it: &AdminState| it.fresh(&admin.rule, cx.now).is_some_and(|it| !it.live);
            admin.state.look(cx, drains)
        })
    }
}

impl Item {
    fn weigh(&self, statement: Statement, detail: Detail, clock: &WallClock) -> Finding {
        let failing = match self.severity {
            Severity::Fail => Verdict::Fail,
            Severity::Warn => Verdict::Warn,
        };
        let verdict = match (statement.holds, self.on_stale) {
            (Holds::Yes, _) => Verdict::Pass,
            (Holds::Stale, OnStale::Warn) => Verdict::Warn,
            (Holds::No | Holds::Pending, _) | (Holds::Stale, OnStale::Fail) => failing,
        };
        Finding {
            name: detail.say(|| self.name.clone()),
            subject: statement.subject,
            verdict,
            pending: statement.holds == Holds::Pending,
            output: statement.output,
            observed: statement.observed,
            at: statement.at.map(|at| clock.at(at)),
        }
    }
}

impl Statement {
    /// Of a source that isn't there, which the configuration rules out.
    fn nothing() -> Self {
        let output = "there is no such evidence".to_owned();
        Self { subject: Subject::Server, holds: Holds::Stale, output, observed: None, at: None }
    }
}

impl Check {
    fn statement(&self, state: &CheckState, detail: Detail, now: Instant) -> Statement {
        let rule = &self.rule;
        let status = state.status(rule.initial);
        let Some(last) = &state.last else {
            let holds = if status == CheckStatus::Up { Holds::Yes } else { Holds::Pending };
            let output = detail.say(|| "no answer yet".to_owned());
            return Statement { subject: Subject::Check, holds, output, observed: None, at: None };
        };
        let stale = last.is_stale(rule, now);
        let (holds, enough) = match status {
            _ if stale => (Holds::Stale, 0),
            CheckStatus::Up => (Holds::Yes, rule.fall),
            CheckStatus::Unknown | CheckStatus::Down => (Holds::No, rule.rise),
        };
        let output = detail.say(|| match state.against() {
            _ if stale => format!("not asked for {}; {}", seconds(now.since(last.at)), last.output),
            0 => last.output.clone(),
            against => format!("{} ({against} of {enough} in a row)", last.output),
        });
        Statement {
            subject: Subject::Check,
            holds,
            output,
            observed: last.took_ms,
            at: Some(last.at),
        }
    }
}

impl Admin {
    fn server(&self, state: &AdminState, detail: Detail, now: Instant) -> Statement {
        let (holds, output) = match state.fresh(&self.rule, now) {
            Some(view) if view.live => (Holds::Yes, detail.say(|| "live".to_owned())),
            Some(_) => (Holds::No, detail.say(|| "draining".to_owned())),
            None => self.unseen(state, detail, now),
        };
        let at = state.seen.as_ref().map(|(_, at)| *at);
        Statement { subject: Subject::Server, holds, output, observed: None, at }
    }

    fn clusters(
        &self,
        places: &[usize],
        rule: &ClusterRule,
        state: &AdminState,
        detail: Detail,
        now: Instant,
    ) -> Statement {
        let (subject, at) = (Subject::Cluster, state.seen.as_ref().map(|(_, at)| *at));
        let Some(view) = state.fresh(&self.rule, now) else {
            let (holds, output) = self.unseen(state, detail, now);
            return Statement { subject, holds, output, observed: None, at };
        };
        let (mut holds, mut output, mut seen) = (rule.need.of_none(), String::new(), (0, 0));
        for (name, place) in rule.names.iter().zip(places) {
            let hosts = view.clusters.get(*place).copied().flatten();
            let judged = judge_hosts(rule, hosts);
            holds = holds.with(judged, rule.need);
            if let Some(hosts) = hosts.filter(|hosts| !hosts.unlisted) {
                seen = (seen.0 + usable(&hosts), seen.1 + hosts.total.max(1));
            }
            if detail == Detail::Full {
                let comma = if output.is_empty() { "" } else { "; " };
                let (name, colon) = if places.len() > 1 { (&**name, ": ") } else { ("", "") };
                let told = tell_hosts(rule, hosts, judged);
                output = [&*output, comma, name, colon, &*told].concat();
            }
        }
        let observed = (seen.1 > 0).then(|| Share::of(seen.0, seen.1).percent());
        Statement { subject, holds, output, observed, at }
    }

    fn unseen(&self, state: &AdminState, detail: Detail, now: Instant) -> (Holds, String) {
        let holds = if state.is_pending() { Holds::Pending } else { Holds::Stale };
        let output = detail.say(|| {
            let mut told = match &state.seen {
                Some((_, at)) => {
                    format!("the admin interface was not seen for {}", seconds(now.since(*at)))
                }
                None if state.is_pending() => "the admin interface was not seen yet".to_owned(),
                None => "the admin interface was never seen".to_owned(),
            };
            if state.hidden {
                told.push_str(": ");
                told.push_str(admin::HIDDEN);
            }
            told
        });
        (holds, output)
    }
}

impl Need {
    /// What holds of no evidence at all.
    fn of_none(self) -> Holds {
        match self {
            Self::All => Holds::Yes,
            Self::Any => Holds::No,
        }
    }
}

impl Holds {
    /// What holds of this and one more. What nobody knows of decides where the other
    /// doesn't.
    fn with(self, other: Self, need: Need) -> Self {
        let decides = if need == Need::All { Self::No } else { Self::Yes };
        if self == need.of_none() || other == decides { other } else { self }
    }
}

fn usable(hosts: &Membership) -> u64 {
    hosts.healthy.saturating_add(hosts.degraded)
}

/// Counts as Envoy's own health_check filter does: healthy and degraded hosts
/// together, in all hosts of the cluster.
/// <https://www.envoyproxy.io/docs/envoy/latest/api-v3/extensions/filters/http/health_check/v3/health_check.proto>
fn judge_hosts(rule: &ClusterRule, hosts: Option<Membership>) -> Holds {
    match hosts {
        _ if rule.min_healthy == Share::default() => Holds::Yes,
        Some(hosts) if hosts.unlisted => Holds::Stale,
        Some(hosts) if hosts.total > 0 => {
            let enough = rule.min_healthy.is_reached_by(usable(&hosts), hosts.total);
            if enough { Holds::Yes } else { Holds::No }
        }
        _ => Holds::No,
    }
}

fn tell_hosts(rule: &ClusterRule, hosts: Option<Membership>, holds: Holds) -> String {
    let told = match hosts {
        None => {
            return "Envoy's statistics show no such cluster: there is none, or a stats_matcher hides it"
                .to_owned();
        }
        Some(Membership { unlisted: true, .. }) => {
            return "Envoy lists no hosts of it, as of aggregate, dynamic_forward_proxy and original_dst clusters; name the clusters behind it in \"clusters\""
                .to_owned();
        }
        Some(Membership { total: 0, .. }) => "it has no hosts".to_owned(),
        Some(Membership { total, healthy, degraded: 0, .. }) => {
            format!("{healthy} of {total} hosts are healthy")
        }
        Some(Membership { total, healthy, degraded, .. }) => {
            format!("{healthy} of {total} hosts are healthy, {degraded} degraded")
        }
    };
    if holds == Holds::Yes { told } else { format!("{told}; {} must be", rule.min_healthy) }
}

impl Traffic {
    fn statement(&self, window: &Window, detail: Detail, now: Instant) -> Statement {
        let rule = &self.rule;
        let (count, reading) = window.read(rule, now);
        let holds = if reading == Reading::Failing { Holds::No } else { Holds::Yes };
        let output = detail.say(|| {
            let (window, requests) = (seconds(nanos(rule.window)), count.requests);
            match reading {
                Reading::TooFew => {
                    format!("{requests} requests in {window}, fewer than {}", rule.min_requests)
                }
                Reading::Healthy | Reading::Failing => format!(
                    "{} of {requests} requests failed in {window}: {}",
                    count.errors,
                    count.error_rate()
                ),
            }
        });
        let observed = Some(count.error_rate().percent());
        Statement { subject: Subject::Traffic, holds, output, observed, at: Some(now) }
    }
}

/// What the score says to a rule that wants at least `min`, or wants nothing.
fn score_statement(min: Option<u16>, scored: &Scored, detail: Detail, now: Instant) -> Statement {
    let spoken = || {
        let axes = AxisName::ALL.iter().zip(scored.axes);
        let spoken = axes.filter_map(|(axis, value)| Some(format!("{} {}", axis.word(), value?)));
        spoken.collect::<Vec<_>>().join(", ")
    };
    let (holds, output) = match scored.score {
        _ if scored.at == Instant::ZERO => {
            (Holds::Stale, detail.say(|| "not worked out yet".to_owned()))
        }
        _ if !scored.is_fresh(now) => {
            let output =
                detail.say(|| format!("not worked out for {}", seconds(now.since(scored.at))));
            (Holds::Stale, output)
        }
        None => (Holds::Yes, detail.say(|| "too little to go by".to_owned())),
        Some(score) => match min.filter(|min| score < *min) {
            Some(min) => (Holds::No, detail.say(|| format!("{score}, below {min}: {}", spoken()))),
            None => (Holds::Yes, detail.say(|| format!("{score}: {}", spoken()))),
        },
    };
    let holds = if min.is_none() { Holds::Yes } else { holds };
    let (observed, at) =
        (scored.score.map(u64::from), (scored.at > Instant::ZERO).then_some(scored.at));
    Statement { subject: Subject::Score, holds, output, observed, at }
}

/// A time in words.
fn seconds(time: Nanos) -> String {
    let tenths = time / 100_000_000;
    format!("{}.{} s", tenths / 10, tenths % 10)
}
