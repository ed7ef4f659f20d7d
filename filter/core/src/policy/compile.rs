//! From a configuration to what is ready to use: nobody else knows both.

use super::Policy;
use super::notes::{notes, summary};
use crate::base::environment::Environment;
use crate::base::metric::Metric;
use crate::base::outcome::Outcome;
use crate::config::Config;
use crate::counters::counter::{self, Counter};
use crate::evidence::{Evidence, EvidenceMetrics, Item};
use crate::exchange::ExchangeContext;
use crate::grpc::{self, GrpcMethod};
use crate::guards::cache::CacheResult;
use crate::guards::upstream::{CloseResult, UpstreamMetrics};
use crate::matching::rule::{Match, PathMatch};
use crate::policy::loads::ConfigLoads;
use crate::policy::metrics;
use crate::probe::{Action, Probe, ProbeMetrics, ProbeRule, Router};
use crate::state::{Cell as StateCell, Notice, fingerprint};
use std::cell::Cell;
use std::rc::Rc;

impl Policy {
    /// Compiles a configuration that holds together; `print` tells it from others.
    pub fn compile(mut config: Config, print: u64, environment: &Environment) -> Self {
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
        metrics.push(metrics::build_info(environment.build));
        let accepted = metrics.len();
        metrics.extend([true, false].map(metrics::config_loads_total));

        let checks = metrics.len();
        metrics.extend(config.checks.iter().flat_map(|check| metrics::of_check(&check.name)));
        let score = metrics.len();
        metrics.extend(config.score.iter().flat_map(|_| metrics::score()));
        let admin = metrics.len();
        metrics.extend(config.admin.iter().map(|_| metrics::admin_up()));
        let places = EvidenceMetrics { checks, score, upstreams, admin };
        let mut evidence = Evidence::compile(&config, &environment.plugin, places);
        let mut compile = |rule: &ProbeRule| {
            let items = evidence.add(rule, &config, &environment.plugin, metrics.len());
            metrics.extend(items.iter().map(|item| metrics::evidence_up(&rule.name, &item.name)));
            items
        };
        let items: Vec<Rc<[Item]>> = config.probes.iter().map(&mut compile).collect();

        let notes = notes(&config);
        let said = format!("heartbeat/{}/grpc-web", environment.plugin);
        let grpc_web = (Notice::default(), StateCell::alone(said, 0));
        let noted = StateCell::alone(
            format!("heartbeat/{}/noted", environment.plugin),
            fingerprint(&notes),
        );

        let mut router = Router::default();
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
            router.add(matcher, Rc::new(Probe::compile(rule, items, environment, metrics)));
        }
        let context = Rc::new(ExchangeContext {
            evidence: Rc::new(evidence),
            grpc_replies: config.grpc_replies,
            responder_missed: Cell::new(false),
            bridge_seen: Cell::new(false),
            prefix_known: Cell::new(false),
            prefix_told: StateCell::alone(format!("heartbeat/{}/prefix", environment.plugin), 0),
        });
        let build = fingerprint(&environment.build);
        let loads = Rc::new(ConfigLoads::new(&environment.plugin, print, build));
        Self {
            router,
            context,
            counters,
            longest_counted_path,
            metrics,
            summary,
            notes,
            noted,
            grpc_web,
            loads,
            build_info,
            accepted,
        }
    }
}

pub(super) fn takes(matcher: &Match, method: GrpcMethod) -> bool {
    match matcher {
        Match::Grpc(matcher) => matcher.methods.contains(&method),
        Match::Http(_) => false,
    }
}
