//! The configuration, compiled for the request path.

use crate::base::environment::Surroundings;
use crate::base::metric::Metric;
use crate::base::metric::MetricIndex;
use crate::base::outcome::Outcome;
use crate::base::time::Nanos;
use crate::config::{Config, ConfigErrors};
use crate::counters::counter::{self, Counter};
use crate::evidence::{Evidence, EvidenceMetrics, Item, clusters_of_interest};
use crate::exchange::{Commons, Exchange};
use crate::grpc;
use crate::grpc::GrpcMethod;
use crate::guards::allow::AddressSource;
use crate::guards::allow::Otherwise;
use crate::guards::cache::CacheResult;
use crate::guards::upstream::{CloseResult, UpstreamMetrics};
use crate::http::completed::Ended;
use crate::http::headers::{PROBE, UPSTREAM_HEALTH_CHECK};
use crate::http::request::{Ending, RequestHead, without_query};
use crate::loads::Loads;
use crate::matching::rule::Match;
use crate::matching::rule::PathMatch;
use crate::metrics;
use crate::probe::Action;
use crate::probe::ProbeRule;
use crate::probe::{Probe, ProbeMetrics};
use crate::probe::{Recognised, Recogniser};
use crate::state::{Cell as StateCell, Lease, SharedStore, fingerprint, update};
use std::cell::{Cell, OnceCell};
use std::rc::Rc;

/// Everything that the filter knows, ready to use: made once per configuration,
/// shared by all streams of a worker.
#[derive(Debug)]
pub struct Policy {
    recogniser: Recogniser,
    commons: Rc<Commons>,
    counters: Vec<Counter>,
    /// How long the longest path is that a counter asks for; `None` where none does.
    longest_counted_path: Option<usize>,
    metrics: Vec<Metric>,
    summary: String,
    notes: Vec<String>,
    /// Says that the notes were said.
    noted: StateCell,
    loads: Rc<Loads>,
    build_info: MetricIndex,
    accepted: MetricIndex,
}

impl Policy {
    /// Compiles the bytes of `pluginConfig`.
    ///
    /// # Errors
    /// Every mistake of the configuration.
    pub fn from_bytes(bytes: &[u8], surroundings: &Surroundings) -> Result<Self, ConfigErrors> {
        let mut policy = Self::compile(Config::parse(bytes)?, fingerprint(bytes), surroundings);
        if bytes.trim_ascii().is_empty() {
            // A `pluginConfig` that slipped out of its place in YAML comes as no bytes.
            policy.summary.insert_str(0, "no configuration; ");
        }
        Ok(policy)
    }

    /// Compiles a configuration that holds together; `print` tells it from others.
    pub fn compile(mut config: Config, print: u64, surroundings: &Surroundings) -> Self {
        let summary = summary(&config);
        let mut metrics: Vec<Metric> = Vec::new();
        let counters = config.counters.drain(..).map(|rule| {
            let first = metrics.len();
            metrics.extend(counter::series(&rule));
            Counter::new(rule, first)
        });
        let counters: Vec<Counter> = counters.collect();
        let paths = counters.iter().map(Counter::path).filter(|path| **path != PathMatch::Any);
        let longest_counted_path = paths.map(|path| path.text().len()).max();
        let upstreams = UpstreamMetrics { http2: metrics.len(), close: metrics.len() + 1 };
        metrics.push(metrics::http2_upstreams_total());
        metrics.extend(CloseResult::ALL.map(metrics::connection_close_total));

        let build_info = metrics.len();
        metrics.push(metrics::build_info(surroundings.build));
        let accepted = metrics.len();
        metrics.extend([true, false].map(metrics::config_loads_total));

        let checks = metrics.len();
        metrics.extend(config.checks.iter().flat_map(|check| metrics::of_check(&check.name)));
        let score = metrics.len();
        metrics.extend(config.score.iter().flat_map(|_| metrics::score()));
        let admin = metrics.len();
        metrics.extend(config.admin.iter().map(|_| metrics::admin_up()));
        let places = EvidenceMetrics { checks, score, upstreams, admin };
        let mut evidence = Evidence::compile(&config, &surroundings.plugin, places);
        let mut compile = |rule: &ProbeRule| {
            let items = evidence.add(rule, &config, &surroundings.plugin, metrics.len());
            metrics.extend(items.iter().map(|item| metrics::evidence_up(&rule.name, &item.name)));
            items
        };
        let items: Vec<Rc<[Item]>> = config.probes.iter().map(&mut compile).collect();

        let notes = notes(&config);
        let noted = StateCell::alone(
            format!("heartbeat/{}/noted", surroundings.plugin),
            fingerprint(&notes),
        );

        let mut recogniser = Recogniser::default();
        for (rule, items) in config.probes.into_iter().zip(items) {
            let matcher = rule.matcher.clone();
            let outcomes = metrics.len();
            metrics.extend(
                Outcome::ALL.iter().map(|outcome| metrics::probe_total(&rule.name, *outcome)),
            );
            let duration = metrics.len();
            metrics.push(metrics::probe_duration_ms(&rule.name));
            let cache = metrics.len();
            if matches!(rule.action, Action::Cache(_)) {
                let results = CacheResult::ALL.iter();
                metrics.extend(results.map(|result| metrics::cache_total(&rule.name, *result)));
            }
            let breaker = metrics.len();
            if rule.breaker.is_some() {
                metrics.extend(metrics::of_breaker(&rule.name));
            }
            let watch = metrics.len();
            if takes(&matcher, GrpcMethod::Watch) {
                let said = grpc::ServingStatus::ALL.iter();
                metrics.extend(said.map(|said| metrics::watch_message_total(&rule.name, *said)));
            }
            let metrics = ProbeMetrics { outcomes, duration, cache, breaker, watch };
            recogniser.add(matcher, Rc::new(Probe::compile(rule, items, surroundings, metrics)));
        }
        let commons = Rc::new(Commons {
            evidence: Rc::new(evidence),
            grpc_replies: config.grpc_replies,
            responder_missed: Cell::new(false),
            bridge_seen: Cell::new(false),
            prefix_known: Cell::new(false),
            prefix_told: StateCell::alone(format!("heartbeat/{}/prefix", surroundings.plugin), 0),
        });
        let build = fingerprint(&surroundings.build);
        let loads = Rc::new(Loads::new(&surroundings.plugin, print, build));
        Self {
            recogniser,
            commons,
            counters,
            longest_counted_path,
            metrics,
            summary,
            notes,
            noted,
            loads,
            build_info,
            accepted,
        }
    }

    /// What is in force, in one line for people.
    pub fn summary(&self) -> &str {
        &self.summary
    }

    /// What whoever wrote the configuration should know of it. Of all VMs that load
    /// it at the same time, one is to say so.
    pub fn notes(&self, store: &impl SharedStore, now: Nanos) -> &[String] {
        const AT_THE_SAME_TIME: Nanos = 10_000_000_000;
        let said = update::<Lease, _>(store, &self.noted, now, |lease| {
            let said = lease.is_held(now);
            lease.grant(0, now, AT_THE_SAME_TIME);
            (said, !said)
        });
        if self.notes.is_empty() || said == Ok(true) { &[] } else { &self.notes }
    }

    /// The loads of this configuration and of those before it.
    pub fn loads(&self) -> &Rc<Loads> {
        &self.loads
    }

    /// What its load has metrics take, where nobody else has made it.
    pub fn loaded(&self) -> [(MetricIndex, u64); 2] {
        [(self.build_info, 1), (self.accepted, 1)]
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

    /// What must be kept of a request's path, as it comes, for the counters to look at when
    /// it is over; mostly nothing.
    pub fn path_to_keep(&self, request: &impl RequestHead) -> Option<Rc<[u8]>> {
        let longest = self.longest_counted_path?;
        let target = request.path()?;
        // A condition is about whole segments: one byte more tells where one ends.
        let path = without_query(target.get(..=longest).unwrap_or(&target));
        Some(path.into())
    }

    /// What a request that is over adds to the counters: to which metric, and how
    /// much.
    pub fn counted<'a, E: Ending>(
        &'a self,
        ended: &Ended<'a, E>,
    ) -> impl Iterator<Item = (MetricIndex, u64)> {
        self.counters.iter().filter_map(|counter| counter.record(ended))
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

fn takes(matcher: &Match, method: GrpcMethod) -> bool {
    match matcher {
        Match::Grpc(matcher) => matcher.methods.contains(&method),
        Match::Http(_) => false,
    }
}

fn summary(config: &Config) -> String {
    let of = |count: usize, what: &str| {
        let more = if count == 1 { "" } else { "s" };
        format!("{count} {what}{more}")
    };
    let defaults = if config.default_probes { " (the defaults)" } else { "" };
    let [probes, checks, counters] = [
        of(config.probes.len(), "probe"),
        of(config.checks.len(), "check"),
        of(config.counters.len(), "counter"),
    ];
    format!("in force: {probes}{defaults}, {checks}, {counters}")
}

/// What a configuration promises and can't keep.
fn notes(config: &Config) -> Vec<String> {
    let mut notes = notes_on_calls(config);
    notes.extend(note_on_watches(config));
    notes.extend(note_on_topology(config));
    notes.extend(config.probes.iter().filter_map(note_on_addresses));
    notes.extend(config.probes.iter().filter_map(note_on_others));
    notes
}

/// Rules of one's own end all defaults, that for Watches too.
fn note_on_watches(config: &Config) -> Option<String> {
    let takes = |method| config.probes.iter().any(|rule| takes(&rule.matcher, method));
    let others = takes(GrpcMethod::Check) || takes(GrpcMethod::List);
    (others && !takes(GrpcMethod::Watch)).then(|| {
        r#"no probe takes Watch: Watches end by their route's timeout; add { "name": "grpc_watch", "match": { "grpc": { "methods": ["Watch"] } } }"#.to_owned()
    })
}

/// Who gets an answer of `respond` mostly means everyone to have one.
fn note_on_others(rule: &ProbeRule) -> Option<String> {
    let allow = rule.allow.as_ref()?;
    let responds = matches!(rule.action, Action::Respond(_));
    (responds && allow.otherwise == Otherwise::NotAProbe).then(|| {
        format!(
            "probe {:?}: whom allow doesn't name is answered by the application, not by the proxy; to answer all, write \"details\": {{ \"cidrs\": [...] }} in place of allow; to answer nobody else, \"otherwise\": \"deny\"",
            rule.name
        )
    })
}

/// What a filter sees of an address is what Envoy believes, and that may be forged.
fn note_on_addresses(rule: &ProbeRule) -> Option<String> {
    let allow = rule.allow.iter().map(|allow| ("allow", &allow.clients));
    let details = rule.action.details_to().map(|clients| ("details", clients));
    let (key, _) = allow.chain(details).find(|(_, clients)| {
        !clients.cidrs.is_empty() && clients.address == AddressSource::Connection
    })?;
    Some(format!(
        "probe {:?}: {key}: cidrs match no request with x-forwarded-for, which anyone can forge; where use_remote_address is on, write \"address\": \"trusted\"",
        rule.name
    ))
}

/// The axis of topology needs to be told where to look.
fn note_on_topology(config: &Config) -> Option<String> {
    let rule = config.score.as_ref()?;
    let missing = match (&config.admin, clusters_of_interest(config).is_empty()) {
        (None, _) => r#"add "admin": { "cluster": "envoy_admin" }"#,
        (_, true) => r#"name the clusters that matter, "score": { "clusters": [...] }"#,
        _ => return None,
    };
    let [topology, ..] = rule.weights;
    (topology.value() > 0.0).then(|| format!("score: the axis of topology abstains; {missing}"))
}

fn notes_on_calls(config: &Config) -> Vec<String> {
    let calls = config.probes.iter().filter(|rule| matches!(rule.matcher, Match::Grpc(_)));
    let note = |rule: &ProbeRule| {
        let what = match (&rule.action, &config.grpc_replies) {
            (Action::Respond(_), Some(_)) if takes(&rule.matcher, GrpcMethod::Watch) => {
                "a Watch gets UNIMPLEMENTED, as the proxy can't hold one open; name the methods Check and List, and have another rule forward Watches"
            }
            (Action::Forward, _) if rule.via_http.is_some() => {
                "via_http: a good answer without a body, such as a 204, has no room for a message and gets UNIMPLEMENTED, a bad one UNAVAILABLE"
            }
            (Action::Forward, _) | (_, Some(_)) => return None,
            (Action::Cache(_), None) => {
                "without grpc_replies no message of gRPC can be sent: every call goes to the application"
            }
            (Action::Respond(_), None) => {
                "without grpc_replies no message of gRPC can be sent: a failure is answered with UNAVAILABLE, and all else goes to the application"
            }
        };
        Some(format!("probe {:?}: {what}", rule.name))
    };
    calls.filter_map(note).collect()
}

/// The markers on an ordinary request that only a client can have set, and that
/// the application must not see.
pub fn forged_markers(request: &impl RequestHead) -> impl Iterator<Item = &'static str> {
    let genuine = OnceCell::new();
    [UPSTREAM_HEALTH_CHECK, PROBE].into_iter().filter(move |marker| {
        let there = request.header(marker).is_some();
        there && !genuine.get_or_init(|| request.marks().is_some())
    })
}

#[cfg(test)]
mod tests;
