//! The configuration, compiled for the request path.

use crate::config::{Action, Config, ConfigErrors, CounterRule, GrpcMethod, Match, ProbeRule};
use crate::evidence::{Evidence, Item};
use crate::exchange::{Commons, Exchange};
use crate::grpc;
use crate::headers::{PROBE, UPSTREAM_HEALTH_CHECK};
use crate::metrics::{self, Metric};
use crate::outcome::Outcome;
use crate::probe::{Probe, ProbeMetrics};
use crate::recognition::{Recognised, Recogniser};
use crate::request::RequestHead;
use crate::state::{Cell as StateCell, Cells, Lease, SharedStore, fingerprint, update};
use crate::time::Nanos;
use std::cell::Cell;
use std::rc::Rc;

/// Everything that the filter knows, ready to use: made once per configuration,
/// shared by all streams of a worker.
#[derive(Debug)]
pub struct Policy {
    recogniser: Recogniser,
    commons: Rc<Commons>,
    counters: Vec<CounterRule>,
    metrics: Vec<Metric>,
    notes: Vec<String>,
    /// Says that the notes were said.
    noted: StateCell,
}

/// The number of a metric: its place in [`Policy::metrics`].
pub type MetricIndex = usize;

/// Where a plugin runs.
#[derive(Clone, Debug, Default)]
pub struct Surroundings {
    /// The proxy's own service cluster (`node.cluster`), which the prober is
    /// told; it may be empty.
    pub service_cluster: String,
    /// Tells the plugin apart from the others of the proxy.
    pub plugin: String,
}

impl Policy {
    /// Compiles the bytes of `pluginConfig`.
    ///
    /// # Errors
    /// Every mistake of the configuration.
    pub fn from_bytes(bytes: &[u8], surroundings: &Surroundings) -> Result<Self, ConfigErrors> {
        Ok(Self::compile(Config::parse(bytes)?, surroundings))
    }

    /// Compiles a configuration that holds together.
    pub fn compile(config: Config, surroundings: &Surroundings) -> Self {
        let mut metrics: Vec<Metric> =
            config.counters.iter().map(|counter| Metric::counter(&counter.name)).collect();
        let http2_upstreams_total = metrics.len();
        metrics.push(metrics::http2_upstreams_total());

        let checks = metrics.len();
        metrics.extend(config.checks.iter().map(|check| metrics::app_health_status(&check.name)));
        let evidence = Evidence::compile(&config, &surroundings.plugin, checks);
        let items: Vec<Vec<Item>> =
            config.probes.iter().map(|rule| evidence.items(rule, &config)).collect();

        let notes = notes(&config);
        let noted =
            Cells::new(format!("heartbeat/{}/noted", surroundings.plugin), fingerprint(&notes));
        let noted = noted.scope(&[]);

        let mut recogniser = Recogniser::default();
        for (rule, items) in config.probes.into_iter().zip(items) {
            let matcher = rule.matcher.clone();
            let outcomes = metrics.len();
            metrics.extend(Outcome::ALL.map(|outcome| metrics::probe_total(&rule.name, outcome)));
            let breaker = metrics.len();
            metrics.extend(rule.breaker.as_ref().map(|_| metrics::breaker_state(&rule.name)));
            let watch = metrics.len();
            if takes_watches(&matcher) {
                let said = grpc::ServingStatus::ALL;
                metrics.extend(said.map(|said| metrics::watch_message_total(&rule.name, said)));
            }
            let metrics = ProbeMetrics { outcomes, breaker, watch };
            recogniser.add(matcher, Rc::new(Probe::compile(rule, items, surroundings, metrics)));
        }
        let upstreams = Cells::new(format!("heartbeat/{}/upstream", surroundings.plugin), 0);
        let commons = Rc::new(Commons {
            upstreams,
            http2_upstreams_total,
            evidence: Rc::new(evidence),
            grpc_replies: config.grpc_replies,
            responder_missed: Cell::new(false),
        });
        Self { recogniser, commons, counters: config.counters, metrics, notes, noted }
    }

    /// What whoever wrote the configuration should know of it. Of all VMs that load
    /// it at the same time, one is to say so.
    pub fn notes(&self, store: &impl SharedStore, now: Nanos) -> &[String] {
        const AT_THE_SAME_TIME: Nanos = 10_000_000_000;
        let said = update::<Lease, _>(store, &self.noted, now, |lease| {
            let said = lease.is_held(now, AT_THE_SAME_TIME);
            lease.grant(0, now, AT_THE_SAME_TIME);
            (said, !said)
        });
        if self.notes.is_empty() || said == Ok(true) { &[] } else { &self.notes }
    }

    /// All metrics, to be defined once.
    pub fn metrics(&self) -> &[Metric] {
        &self.metrics
    }

    /// The probe rule that a request matches; `None` for ordinary traffic.
    pub fn recognise(&self, request: &impl RequestHead) -> Option<Recognised> {
        self.recogniser.recognise(request)
    }

    /// Follows a probe. `token` must differ from that of every other probe of
    /// the process.
    pub fn exchange(&self, recognised: Recognised, token: u64, now: Nanos) -> Exchange {
        Exchange::new(recognised, Rc::clone(&self.commons), token, now)
    }

    /// The counters that a request raises which ended with `status`.
    pub fn counters_raised(
        &self,
        request: &impl RequestHead,
        status: Option<u16>,
    ) -> impl Iterator<Item = MetricIndex> {
        self.counters
            .iter()
            .enumerate()
            .filter(move |(_, counter)| counter.counts(request, status))
            .map(|(index, _)| index)
    }

    /// What the answers of `respond` rest on.
    pub fn evidence(&self) -> &Rc<Evidence> {
        &self.commons.evidence
    }

    /// Whether there are custom counters.
    pub fn has_counters(&self) -> bool {
        !self.counters.is_empty()
    }
}

fn takes_watches(matcher: &Match) -> bool {
    match matcher {
        Match::Grpc(matcher) => matcher.methods.contains(&GrpcMethod::Watch),
        Match::Http(_) => false,
    }
}

/// What a configuration promises and can't keep.
fn notes(config: &Config) -> Vec<String> {
    if config.grpc_replies.is_some() {
        return Vec::new();
    }
    let calls = config.probes.iter().filter(|rule| matches!(rule.matcher, Match::Grpc(_)));
    let note = |rule: &ProbeRule| {
        let instead = match rule.action {
            Action::Forward => return None,
            Action::Cache(_) => "every call goes to the application",
            Action::Respond(_) => {
                "a failure is answered with UNAVAILABLE, and all else goes to the application"
            }
        };
        let name = &rule.name;
        Some(format!(
            "probe {name:?}: without grpc_replies no message of gRPC can be sent: {instead}"
        ))
    };
    calls.filter_map(note).collect()
}

/// The markers on an ordinary request that only a client can have set, and that
/// the application must not see.
pub fn forged_markers(request: &impl RequestHead) -> impl Iterator<Item = &'static str> {
    [UPSTREAM_HEALTH_CHECK, PROBE].into_iter().filter(|marker| request.header(marker).is_some())
}

#[cfg(test)]
mod tests;
