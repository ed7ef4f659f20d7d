//! What is gathered for the score, and what it makes of it.

use super::{Axis, StabilityAxis, TopologyAxis, combine, thousandths};
use super::{AxisName, Cluster, FAULTLESS, Live, ProtocolAxis, Readings, Sample};
use crate::base::metric::{GaugeId, Registry};
use crate::base::signals::Signals;
use crate::base::time::{Instant, Nanos, nanos};
use crate::facts::admin::{HandshakeSide, Handshakes, View};
use crate::facts::check::Check;
use crate::http::completed::Completed;
use crate::http::request::{Ending, RequestHead};
use crate::score::{Alpn, ProtocolRule, ScoreRule, TlsVersion};
use crate::state::sliding::{Sliding, Sums, count_at};
use crate::state::{
    self, Change, Context, Decoder, Encoder, Shared, SharedStore, State, fingerprint,
};
use std::cell::Cell;
use std::rc::Rc;
use std::time::Duration;

/// Keeps the score of a configuration.
#[derive(Debug)]
pub struct ScoreKeeper {
    rule: ScoreRule,
    /// The score, for those who show it.
    pub scored: Shared<Scored>,
    /// Whose turn it is to work it out.
    pub(crate) round: state::Cell,
    live: Shared<Sliding>,
    upstream: Shared<Sliding>,
    checks: Vec<Rc<Check>>,
    /// What this worker has counted and not yet shared.
    tally: Cell<Live>,
    metrics: ScoreMetrics,
}

/// The metrics of a score.
#[derive(Debug)]
struct ScoreMetrics {
    /// The score, and the axes in the order of [`AxisName::ALL`]: from 0 to 1,000.
    score: GaugeId,
    axes: [GaugeId; 3],
    /// 1 for an axis that has enough to go by, 0 for one that abstains.
    speaks: [GaugeId; 3],
}

impl ScoreMetrics {
    fn define(metrics: &mut Registry<'_>) -> Self {
        let score = metrics.gauge("heartbeat_health_score");
        let mut by_axis = |name: &str| {
            AxisName::ALL.map(|axis| metrics.labelled("axis", axis.word()).gauge(name))
        };
        let axes = by_axis("heartbeat_score_axis");
        Self { score, axes, speaks: by_axis("heartbeat_score_axis_speaks") }
    }
}

/// How often the score is worked out, and what goes into it is shared.
pub const EVERY: Duration = Duration::from_millis(500);
/// A score that is older is too old: six rounds.
const STALE_AFTER: Nanos = 3_000_000_000;

/// A score that was worked out.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Scored {
    /// From 0 to 1,000; `None` where every axis abstains.
    pub score: Option<u16>,
    /// The axes, alike, in the order of [`AxisName::ALL`].
    pub axes: [Option<u16>; 3],
    /// When it was worked out; 0 for never.
    pub at: Instant,
}

impl Scored {
    /// Whether it can be relied on.
    pub fn is_fresh(&self, now: Instant) -> bool {
        now.since(self.at) < STALE_AFTER
    }
}

/// What the admin interface has shown of clusters and connections.
#[derive(Clone, Debug, Default, PartialEq)]
struct UpstreamSums {
    handshakes: Handshakes,
    /// Requests to each cluster.
    used: Vec<u64>,
}

impl ScoreKeeper {
    /// Makes room for what is gathered. `cell` makes the place of a kind and a name.
    pub fn new(
        rule: &ScoreRule,
        checks: &[Rc<Check>],
        clusters: &[String],
        cell: impl Fn(&str, &str, u64) -> state::Cell,
        metrics: &mut Registry<'_>,
    ) -> Self {
        // What was gathered outlives a change of the weights.
        let window = fingerprint(&(rule.window, &rule.protocol, clusters));
        Self {
            scored: Shared::new(cell("score", "", fingerprint(rule))),
            round: cell("score-round", "", fingerprint(rule)),
            live: Shared::new(cell("score-live", "", window)),
            upstream: Shared::new(cell("score-upstream", "", window)),
            checks: checks.to_vec(),
            tally: Cell::default(),
            metrics: ScoreMetrics::define(metrics),
            rule: rule.clone(),
        }
    }

    /// Where its gauges begin among all metrics: the score, the axes, and whether they speak.
    pub(crate) fn first_gauge(&self) -> usize {
        self.metrics.score.place()
    }

    /// Counts an ordinary request that is over, and whether it failed.
    pub fn count(&self, failed: bool, completed: &Completed<'_, impl Ending>) {
        // A stream that outlives the window was meant to.
        let timed = |took: &Nanos| *took <= nanos(self.rule.window);
        let answers = match completed.duration().filter(timed) {
            _ if failed => Sample::lost(),
            Some(took) => Sample::answered(took),
            None => Sample::untimed(),
        };
        let looked_at = self.rule.protocol.looks_at_requests();
        let as_expected = looked_at && meets(&self.rule.protocol, completed.ending());
        self.tally.set(self.tally.get().and(&Live {
            answers,
            looked_at: u64::from(looked_at),
            as_expected: u64::from(as_expected),
        }));
    }

    /// Shares what this worker has counted. What can't be written is lost: a few
    /// requests of many.
    pub fn share(&self, cx: Context<'_, impl SharedStore>) {
        let tally = self.tally.take();
        if tally != Live::default() {
            self.add(&self.live, &tally, cx);
        }
    }

    /// Takes note of the answer to a check, or that there was none.
    pub fn record_check(&self, check: &Check, sample: &Sample, cx: Context<'_, impl SharedStore>) {
        if let Some(answers) = &check.answers {
            self.add(answers, sample, cx);
        }
    }

    /// Takes note of what the admin interface has shown since the view before.
    pub fn record_view(&self, before: &View, view: &View, cx: Context<'_, impl SharedStore>) {
        let requests = |view: &View, place: usize| {
            view.clusters.get(place).copied().flatten().map_or(0, |cluster| cluster.requests)
        };
        let used = (0..view.clusters.len())
            .map(|place| requests(view, place).saturating_sub(requests(before, place)));
        let handshakes = match self.rule.protocol.handshakes {
            HandshakeSide::Both => view.handshakes.since(before.handshakes),
            HandshakeSide::Upstream => Handshakes::default(),
        };
        let handshakes = handshakes.and(&view.connections().since(before.connections()));
        let upstream = UpstreamSums { handshakes, used: used.collect() };
        self.add(&self.upstream, &upstream, cx);
    }

    fn add(&self, window: &Shared<Sliding>, sums: &impl Sums, cx: Context<'_, impl SharedStore>) {
        self.add_numbers(window, &sums.to_numbers(), cx);
    }

    // Knows nothing of what is summed up, so that the module has it once.
    #[inline(never)]
    fn add_numbers(
        &self,
        window: &Shared<Sliding>,
        numbers: &[f64],
        cx: Context<'_, impl SharedStore>,
    ) {
        let _ = window.update(cx, |window| {
            window.add_numbers(self.rule.window, numbers, cx.now);
            Change::Write(())
        });
    }

    /// Works the score out. `view` is what the admin interface shows, where it was
    /// seen lately.
    pub fn work_out(&self, view: Option<&View>, cx: Context<'_, impl SharedStore>) -> Scored {
        let window = self.rule.window;
        let live: Live = self.live.read(cx).total(window, cx.now);
        let upstream: UpstreamSums = self.upstream.read(cx).total(window, cx.now);
        let min_volume = u64::from(self.rule.min_volume);
        let clusters = view.map(|view| {
            let used = upstream.used.iter().copied().chain(std::iter::repeat(0));
            let known = view.clusters.iter().zip(used);
            known.map(|(hosts, used)| Cluster { hosts: *hosts, used }).collect()
        });
        let checks = self.checks.iter().filter_map(|check| check.answers.as_ref());
        let checks = checks.map(|answers| answers.read(cx).total(window, cx.now));
        let stability =
            StabilityAxis { sources: checks.chain([live.answers]).collect(), min_volume };
        let protocol = ProtocolAxis {
            handshakes: view.map(|_| upstream.handshakes),
            looked_at: live.looked_at,
            as_expected: live.as_expected,
            min_volume,
        };
        let readings: Readings = [TopologyAxis(clusters).read(), stability.read(), protocol.read()];
        Scored {
            score: combine(&self.rule.weights, &readings),
            axes: readings.map(|reading| reading.map(thousandths)),
            at: cx.now,
        }
    }

    /// Shows a score as gauges. What abstains has nothing to be blamed for.
    pub fn show(&self, scored: &Scored, signals: &mut Signals) {
        let value = |score: Option<u16>| u64::from(score.unwrap_or(FAULTLESS));
        let ScoreMetrics { score, axes, speaks } = &self.metrics;
        signals.set.push((*score, value(scored.score)));
        for ((axis, speaks), reading) in axes.iter().zip(speaks).zip(scored.axes) {
            signals.set.push((*axis, value(reading)));
            signals.set.push((*speaks, u64::from(reading.is_some())));
        }
    }
}

/// Whether the connection of a request is as it should be.
fn meets(rule: &ProtocolRule, ending: &impl Ending) -> bool {
    let tls = || ending.tls_version().and_then(|version| TlsVersion::parse(&version));
    let spoken = || ending.request().protocol().and_then(|protocol| Alpn::parse(&protocol));
    rule.tls.is_none_or(|oldest| tls().is_some_and(|version| version >= oldest))
        && (!rule.mtls || ending.is_mtls())
        && (rule.alpn.is_empty() || spoken().is_some_and(|spoken| rule.alpn.contains(&spoken)))
}

impl Sums for UpstreamSums {
    fn to_numbers(&self) -> Vec<f64> {
        let mut numbers = self.handshakes.to_numbers();
        numbers.extend(self.used.iter().map(|used| *used as f64));
        numbers
    }

    fn of_numbers(numbers: &[f64]) -> Self {
        let used = (2..numbers.len()).map(|place| count_at(numbers, place)).collect();
        Self { handshakes: Handshakes::of_numbers(numbers), used }
    }
}

impl State for Scored {
    fn expires(&self) -> Instant {
        self.at + STALE_AFTER
    }

    fn encode(&self, to: &mut Encoder) {
        to.instant(self.at);
        for score in [self.score].iter().chain(&self.axes) {
            to.optional(score.as_ref(), |to, score| {
                to.number(u64::from(*score));
            });
        }
    }

    fn decode(from: &mut Decoder<'_>) -> Option<Self> {
        let at = from.instant()?;
        let mut score = || from.optional(|from| u16::try_from(from.number()?).ok());
        let (value, axes) = (score()?, [score()?, score()?, score()?]);
        Some(Self { score: value, axes, at })
    }
}
