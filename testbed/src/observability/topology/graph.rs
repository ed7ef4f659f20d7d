//! Services, and who calls whom: what the recording rules say, as a graph.

use std::collections::{BTreeMap, BTreeSet};

use crate::prometheus::Sample;

/// A health score below which a service is degraded, as `HeartbeatScoreLow` has it.
pub const SCORE_LOW: f64 = 600.0;

/// One below which it is critical, as `HeartbeatScoreCritical` has it.
pub const SCORE_CRITICAL: f64 = 300.0;

/// A share of failing probes above which a service is degraded, as `HeartbeatProbeFlaky` has it.
pub const PROBES_FLAKY: f64 = 0.05;

/// One above which it is critical, as `HeartbeatProbeFailing` has it.
pub const PROBES_FAILING: f64 = 0.5;

/// An error share from which an edge fails somewhat.
pub const ERRORS_SOME: f64 = 0.01;

/// An error share from which an edge fails.
pub const ERRORS_MANY: f64 = 0.05;

/// What tells services apart.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Name {
    /// The canonical service of Istio, or the job that scrapes its proxies.
    pub service: String,
    /// Where Kubernetes has it; empty elsewhere.
    pub namespace: String,
}

/// A node.
#[derive(Clone, Debug, PartialEq)]
pub struct Service {
    /// Its name.
    pub name: Name,
    /// The health score, out of 1000, of the proxy that fares worst.
    pub score: Option<f64>,
    /// The share of failing probes, of the rule and proxy that fare worst.
    pub failing: Option<f64>,
}

/// How a service fares.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Status {
    /// Nobody says.
    Unknown,
    /// Well.
    Healthy,
    /// A warning's worth.
    Degraded,
    /// A page's worth.
    Critical,
}

/// One calls another.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Edge {
    /// Who calls, by its place among the services.
    pub from: usize,
    /// Who is called.
    pub to: usize,
    /// Requests of the last day; always above 0.
    pub day: f64,
    /// Requests a second.
    pub requests: Option<f64>,
    /// The share that failed.
    pub errors: Option<f64>,
    /// Milliseconds that 95 % of them don't exceed.
    pub p95: Option<f64>,
    /// Volume × success × liveness, out of 1.
    pub strength: Option<f64>,
    /// The share of the destination's endpoints that live.
    pub liveness: Option<f64>,
    /// The p95 over its own median of a day, minus 1.
    pub deviation: Option<f64>,
    /// How many times too fast it eats its error budget.
    pub burn: Option<f64>,
}

/// How a call fares.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Flow {
    /// Nothing has gone there lately.
    Quiet,
    /// It works.
    Good,
    /// Some of it fails.
    Some,
    /// Much of it fails.
    Failing,
}

/// What is drawn.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Graph {
    /// By name.
    pub services: Vec<Service>,
    /// By who calls, and whom.
    pub edges: Vec<Edge>,
}

/// What Prometheus has answered.
#[derive(Clone, Debug, Default)]
pub struct Answers {
    /// Edges with traffic within a day, and how many requests that was.
    pub day: Vec<Sample>,
    // See [`Edge`] for these.
    pub requests: Vec<Sample>,
    pub errors: Vec<Sample>,
    pub p95: Vec<Sample>,
    pub strength: Vec<Sample>,
    pub liveness: Vec<Sample>,
    pub deviation: Vec<Sample>,
    pub burn: Vec<Sample>,
    /// By `job`, and `namespace` where there is one.
    pub scores: Vec<Sample>,
    /// Alike.
    pub failing: Vec<Sample>,
}

impl Service {
    /// How it fares: as the worse of score and probes.
    pub fn status(&self) -> Status {
        let score = match self.score {
            None => Status::Unknown,
            Some(score) if score < SCORE_CRITICAL => Status::Critical,
            Some(score) if score < SCORE_LOW => Status::Degraded,
            Some(_) => Status::Healthy,
        };
        let probes = match self.failing {
            None => Status::Unknown,
            Some(failing) if failing > PROBES_FAILING => Status::Critical,
            Some(failing) if failing > PROBES_FLAKY => Status::Degraded,
            Some(_) => Status::Healthy,
        };
        score.max(probes)
    }
}

impl Status {
    /// In a word.
    pub fn word(self) -> &'static str {
        match self {
            Self::Unknown => "unknown",
            Self::Healthy => "healthy",
            Self::Degraded => "degraded",
            Self::Critical => "critical",
        }
    }
}

impl Edge {
    /// How it fares.
    pub fn flow(&self) -> Flow {
        match (self.requests, self.errors) {
            (None, _) => Flow::Quiet,
            (Some(requests), _) if requests <= 0.0 => Flow::Quiet,
            (_, Some(errors)) if errors >= ERRORS_MANY => Flow::Failing,
            (_, Some(errors)) if errors >= ERRORS_SOME => Flow::Some,
            _ => Flow::Good,
        }
    }
}

impl Flow {
    /// In a word.
    pub fn word(self) -> &'static str {
        match self {
            Self::Quiet => "quiet",
            Self::Good => "works",
            Self::Some => "some errors",
            Self::Failing => "failing",
        }
    }
}

type Pair = (Name, Name);

impl Graph {
    /// Puts answers together. Whatever isn't a number is as good as missing.
    pub fn new(answers: &Answers) -> Self {
        let day = pairs(&answers.day);
        let day: BTreeMap<_, _> = day.into_iter().filter(|(_, requests)| *requests > 0.0).collect();
        let (scores, failing) = (jobs(&answers.scores), jobs(&answers.failing));
        let called = day.keys().flat_map(|(from, to)| [from, to]).cloned();
        let mut names: BTreeSet<Name> = called.collect();
        for job in scores.keys().chain(failing.keys()) {
            if !names.iter().any(|name| is_same(name, job)) {
                names.insert(job.clone());
            }
        }
        let names: Vec<_> = names.into_iter().collect();
        let place: BTreeMap<_, _> = names.iter().enumerate().map(|(at, name)| (name, at)).collect();
        let [requests, errors, p95, strength, liveness, deviation, burn] = [
            &answers.requests,
            &answers.errors,
            &answers.p95,
            &answers.strength,
            &answers.liveness,
            &answers.deviation,
            &answers.burn,
        ]
        .map(|samples| pairs(samples));
        let edges = day.iter().map(|(pair, day)| Edge {
            from: place[&pair.0],
            to: place[&pair.1],
            day: *day,
            requests: requests.get(pair).copied(),
            errors: errors.get(pair).copied(),
            p95: p95.get(pair).copied(),
            strength: strength.get(pair).copied(),
            liveness: liveness.get(pair).copied(),
            deviation: deviation.get(pair).copied(),
            burn: burn.get(pair).copied(),
        });
        let edges = edges.collect();
        let service = |name: &Name| Service {
            name: name.clone(),
            score: of(&scores, name),
            failing: of(&failing, name),
        };
        Self { services: names.iter().map(service).collect(), edges }
    }
}

/// Whether a job is the service: who doesn't name a namespace means any.
fn is_same(name: &Name, job: &Name) -> bool {
    let either = name.namespace.is_empty() || job.namespace.is_empty();
    name.service == job.service && (either || name.namespace == job.namespace)
}

/// What is known of a service: of its own namespace first.
fn of(jobs: &BTreeMap<Name, f64>, name: &Name) -> Option<f64> {
    let same = || jobs.iter().find(|(job, _)| is_same(name, job)).map(|(_, value)| *value);
    jobs.get(name).copied().or_else(same)
}

fn pairs(samples: &[Sample]) -> BTreeMap<Pair, f64> {
    by(samples, |label| {
        let name = |service: &str, namespace: &str| Name {
            service: label(service),
            namespace: label(namespace),
        };
        (name("source", "source_namespace"), name("destination", "destination_namespace"))
    })
}

fn jobs(samples: &[Sample]) -> BTreeMap<Name, f64> {
    by(samples, |label| Name { service: label("job"), namespace: label("namespace") })
}

fn by<K: Ord>(samples: &[Sample], key: impl Fn(&dyn Fn(&str) -> String) -> K) -> BTreeMap<K, f64> {
    let numbers = samples.iter().filter(|sample| sample.value.is_finite());
    let label = |sample: &Sample, name: &str| sample.labels.get(name).cloned().unwrap_or_default();
    numbers.map(|sample| (key(&|name| label(sample, name)), sample.value)).collect()
}
