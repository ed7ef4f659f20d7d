//! What the answers to a background check make of it.

use crate::base::metric::{CountersBy, GaugeId, LabelValue, Registry};
use crate::base::time::{Instant, Nanos, nanos};
use crate::callout::{CallRefusal, CheckResponse};
use crate::grpc::ServingStatus;
use crate::matching::status::StatusPattern;
use crate::state::sliding::Sliding;
use crate::state::{Cell, Decoder, Encoder, Shared, State};
use std::time::Duration;

/// A background check.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct CheckRule {
    /// Its name: in `when`, in metrics and in logs.
    pub name: String,
    /// What is asked.
    pub call: CheckCall,
    /// How often it is asked.
    pub interval: Duration,
    /// How long the answer may take.
    pub timeout: Duration,
    /// How many good answers in a row bring it up.
    pub rise: u32,
    /// How many bad ones in a row bring it down.
    pub fall: u32,
    /// What holds before the first answer.
    pub initial: Initial,
}

/// What a check asks.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum CheckCall {
    /// A path, over HTTP.
    Http(HttpCheck),
    /// `grpc.health.v1.Health`.
    Grpc(GrpcCheck),
}

/// A check over gRPC.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct GrpcCheck {
    /// The Envoy cluster that is asked.
    pub cluster: String,
    /// The gRPC service whose health is asked for; the empty name is the whole server.
    pub service: String,
    /// The `:authority` that the calls name.
    pub authority: String,
    /// Whether a Watch is held open beside the Checks.
    pub watch: bool,
}

/// A check over HTTP.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct HttpCheck {
    /// The Envoy cluster that is asked.
    pub cluster: String,
    /// The path, with its query string.
    pub path: String,
    /// The host that the request names.
    pub host: String,
    /// The statuses that are good, one of which must hold.
    pub expect: Vec<StatusPattern>,
}

/// What holds before the first answer to a check.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Initial {
    /// Nothing is known, which isn't ready.
    Unknown,
    /// It counts as up.
    Pass,
}

/// A background check.
#[derive(Debug)]
pub struct Check {
    pub(crate) rule: CheckRule,
    pub(crate) state: Shared<CheckState>,
    pub(crate) round: Cell,
    /// The answers of the last while, where there is a score that goes by them.
    pub(crate) answers: Option<Shared<Sliding>>,
    pub(crate) metrics: CheckMetrics,
}

/// The metrics of a check.
#[derive(Clone, Copy, Debug)]
pub(crate) struct CheckMetrics {
    /// 1 while it is up, and else 0.
    pub(crate) up: GaugeId,
    /// What came of asking.
    pub(crate) results: CountersBy<CheckResult>,
}

impl CheckMetrics {
    pub(crate) fn define(check: &str, metrics: &mut Registry<'_>) -> Self {
        let mut metrics = metrics.labelled("component", check);
        Self {
            up: metrics.gauge("app_health_status"),
            results: metrics.counters_by("result", "heartbeat_check_total"),
        }
    }
}

/// Whether what is checked is up.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum CheckStatus {
    /// Nothing has been heard yet.
    #[default]
    Unknown,
    /// It is up.
    Up,
    /// It is down.
    Down,
}

/// What is known of a check, shared by all workers.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct CheckState {
    status: CheckStatus,
    /// Whether it ever was up. What never was is up with its first good answer.
    was_up: bool,
    /// How many answers in a row speak against the status.
    against: u32,
    /// The last answer.
    pub last: Option<Observation>,
}

/// What came of asking once, in one word.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum CheckResult {
    /// A good answer.
    Pass,
    /// A bad answer.
    Fail,
    /// No answer in time.
    Timeout,
    /// No answer at all: no connection, no healthy host, an open circuit breaker.
    Unreachable,
    /// Envoy knows no such cluster.
    NoCluster,
}

impl CheckResult {
    /// Every result, in the order of their numbers.
    pub const ALL: [Self; 5] =
        [Self::Pass, Self::Fail, Self::Timeout, Self::Unreachable, Self::NoCluster];

    /// The word for metrics.
    pub const fn word(self) -> &'static str {
        match self {
            Self::Pass => "pass",
            Self::Fail => "fail",
            Self::Timeout => "timeout",
            Self::Unreachable => "unreachable",
            Self::NoCluster => "no_cluster",
        }
    }

    /// What it is that was heard, and that is good or isn't.
    pub fn of(response: &CheckResponse, healthy: bool) -> Self {
        match response {
            _ if healthy => Self::Pass,
            CheckResponse::Timeout => Self::Timeout,
            CheckResponse::Refused(CallRefusal::UnknownCluster) => Self::NoCluster,
            CheckResponse::Nothing(_) | CheckResponse::Refused(_) => Self::Unreachable,
            _ => Self::Fail,
        }
    }
}

impl LabelValue for CheckResult {
    const VALUES: &'static [Self] = &Self::ALL;

    fn number(self) -> usize {
        self as usize
    }

    fn word(self) -> &'static str {
        self.word()
    }
}

/// What came of asking once.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Observation {
    /// Whether it was good.
    pub healthy: bool,
    /// In words.
    pub output: String,
    /// How long the answer took, in milliseconds, where there was one.
    pub took_ms: Option<u64>,
    /// When it was known.
    pub at: Instant,
}

impl Observation {
    /// Judges what was heard `took` nanoseconds after it was asked.
    pub fn judge(rule: &CheckRule, response: &CheckResponse, took: Nanos, now: Instant) -> Self {
        let took_ms = took / 1_000_000;
        let (healthy, output) = match response {
            CheckResponse::Answer(status)
                if expected(rule).iter().any(|one| one.matches(*status)) =>
            {
                (true, format!("answered {status} in {took_ms} ms"))
            }
            CheckResponse::Answer(status) => {
                let wanted: Vec<String> = expected(rule).iter().map(ToString::to_string).collect();
                (false, format!("answered {status}, not {}", wanted.join(" or ")))
            }
            CheckResponse::Health(ServingStatus::Serving) => {
                (true, format!("answered SERVING in {took_ms} ms"))
            }
            CheckResponse::Health(status) => (false, status.word().to_owned()),
            CheckResponse::Timeout => {
                (false, format!("no answer within {} ms", rule.timeout.as_millis()))
            }
            failed => (false, failed.failure()),
        };
        let answered = matches!(
            response,
            CheckResponse::Answer(_) | CheckResponse::Health(_) | CheckResponse::TooLarge(_)
        );
        Self { healthy, output, took_ms: answered.then_some(took_ms), at: now }
    }

    /// The same for an answer that came when nobody waited for it any more.
    pub fn judge_late(rule: &CheckRule, status: &str, took: Nanos, now: Instant) -> Self {
        let (took_ms, limit) = (took / 1_000_000, rule.timeout.as_millis());
        let output = format!("answered {status} after {took_ms} ms, beyond its {limit} ms");
        Self { healthy: false, output, took_ms: Some(took_ms), at: now }
    }

    /// Judges what a Watch has shown of its own accord.
    pub fn watched(healthy: bool, output: String, now: Instant) -> Self {
        Self { healthy, output, took_ms: None, at: now }
    }

    /// Whether nothing newer has come for too long: three rounds.
    pub fn is_stale(&self, rule: &CheckRule, now: Instant) -> bool {
        is_stale(self.at, nanos(rule.interval), nanos(rule.timeout), now)
    }
}

/// Whether what was observed at `at` should have been observed anew: three
/// rounds have passed.
pub fn is_stale(at: Instant, interval: Nanos, timeout: Nanos, now: Instant) -> bool {
    let longest = interval.saturating_mul(3).saturating_add(timeout);
    now.since(at) > longest
}

impl CheckState {
    /// Whether it is up, where `initial` says what it is before the first answer.
    pub fn status(&self, initial: Initial) -> CheckStatus {
        match (self.status, initial) {
            (CheckStatus::Unknown, Initial::Pass) => CheckStatus::Up,
            (status, _) => status,
        }
    }

    /// How many answers in a row speak against its status.
    pub fn against(&self) -> u32 {
        self.against
    }

    /// Takes note of an answer.
    pub fn record(&mut self, rule: &CheckRule, observation: Observation) {
        let healthy = observation.healthy;
        self.last = Some(observation);
        let (agrees, enough) = match self.status(rule.initial) {
            CheckStatus::Unknown => (false, 1),
            CheckStatus::Up => (healthy, rule.fall),
            CheckStatus::Down if self.was_up => (!healthy, rule.rise),
            CheckStatus::Down => (!healthy, 1),
        };
        if agrees {
            self.against = 0;
            return;
        }
        self.against = self.against.saturating_add(1);
        if self.against >= enough {
            self.against = 0;
            self.status = if healthy { CheckStatus::Up } else { CheckStatus::Down };
            self.was_up |= healthy;
        }
    }

    /// Whether it ever was up.
    pub fn was_up(&self) -> bool {
        self.was_up
    }

    /// Takes note of what a Watch has shown, which decides at once: it doesn't
    /// guess between two rounds, so there is no flapping to be patient with.
    pub fn decide(&mut self, observation: Observation) {
        self.status = if observation.healthy { CheckStatus::Up } else { CheckStatus::Down };
        self.was_up |= observation.healthy;
        self.against = 0;
        self.last = Some(observation);
    }

    /// Says more of the last answer, which is the same one.
    pub fn amend(&mut self, observation: Observation) {
        self.last = Some(observation);
    }
}

/// How long what was observed is worth a place of its own, in nanoseconds.
pub(super) const WORTH_KEEPING: Nanos = 600_000_000_000;

fn expected(rule: &CheckRule) -> &[StatusPattern] {
    match &rule.call {
        CheckCall::Http(http) => &http.expect,
        CheckCall::Grpc(_) => &[],
    }
}

impl State for CheckState {
    fn expires(&self) -> Instant {
        self.last.as_ref().map_or(Instant::ZERO, |last| last.at + WORTH_KEEPING)
    }

    fn encode(&self, to: &mut Encoder) {
        to.number(self.status as u64).number(u64::from(self.was_up));
        to.number(u64::from(self.against));
        to.optional(self.last.as_ref(), |to, last| {
            to.number(u64::from(last.healthy)).bytes(last.output.as_bytes()).instant(last.at);
            to.optional(last.took_ms.as_ref(), |to, took| {
                to.number(*took);
            });
        });
    }

    fn decode(from: &mut Decoder<'_>) -> Option<Self> {
        Some(Self {
            status: match from.number()? {
                0 => CheckStatus::Unknown,
                1 => CheckStatus::Up,
                _ => CheckStatus::Down,
            },
            was_up: from.number()? != 0,
            against: u32::try_from(from.number()?).ok()?,
            last: from.optional(|from| {
                Some(Observation {
                    healthy: from.number()? != 0,
                    output: String::from_utf8_lossy(from.bytes()?).into_owned(),
                    at: from.instant()?,
                    took_ms: from.optional(Decoder::number)?,
                })
            })?,
        })
    }
}
