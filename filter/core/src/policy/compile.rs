//! From a configuration to what is ready to use: nobody else knows both.

use super::Policy;
use super::loads::{ConfigLoads, LoadMetrics};
use super::notes::{notes, summary};
use super::publish::publishers;
use crate::base::environment::Environment;
use crate::base::metric::Registry;
use crate::config::Config;
use crate::counters::counter::Counter;
use crate::evidence::{Evidence, Item};
use crate::exchange::ExchangeContext;
use crate::guards::refusals::Refusals;
use crate::guards::upstream::Upstreams;
use crate::matching::rule::PathMatch;
use crate::probe::{Action, Probe, Router};
use crate::state::{Cell as StateCell, Notice, fingerprint, key};
use std::cell::{Cell, RefCell};
use std::rc::Rc;

impl Policy {
    /// Compiles a configuration that holds together; `print` tells it from others.
    pub fn compile(mut config: Config, print: u64, environment: &Environment) -> Self {
        let plugin = &environment.plugin;
        let (summary, notes) = (summary(&config), notes(&config));
        let mut defined = Vec::new();
        let mut metrics = Registry::new(&mut defined);

        let rules = config.counters.drain(..);
        let counters: Vec<Counter> = rules.map(|it| Counter::compile(it, &mut metrics)).collect();
        let paths = counters.iter().map(Counter::path).filter(|path| **path != PathMatch::Any);
        let longest_counted_path = paths.map(|path| path.text().len()).max();
        let upstreams = Upstreams::new(plugin, &mut metrics);
        let load_metrics = LoadMetrics::define(environment.build, &mut metrics);
        let mut evidence = Evidence::compile(&config, plugin, upstreams, &mut metrics);
        let items = config.probes.iter();
        let items: Vec<Rc<[Item]>> =
            items.map(|rule| evidence.add(rule, &config, plugin, &mut metrics)).collect();
        let publishers = publishers(&config, &items, &evidence, plugin, &mut metrics);
        if !publishers.is_empty() {
            // The latest configuration publishes: it doesn't wait for the VM that gathers for
            // an older one, which may be at work beside it for long.
            evidence.gatherer = StateCell::alone(key(plugin, &["gatherer"]), print);
        }
        let cell = |kind: &str, print| StateCell::alone(key(plugin, &[kind]), print);
        let inspects = config.probes.iter().any(|rule| rule.action == Action::Inspect);
        evidence.holder = inspects.then(|| cell("holder", 0));
        let mut router = Router::default();
        let mut probes = Vec::new();
        for (rule, items) in config.probes.into_iter().zip(items) {
            let matcher = rule.matcher.clone();
            let probe = Rc::new(Probe::compile(rule, items, environment, &mut metrics));
            probes.push(Rc::clone(&probe));
            router.add(matcher, probe);
        }
        let context = ExchangeContext {
            evidence: Rc::new(evidence),
            refusals: inspects.then(|| Refusals::new(key(plugin, &["refusals"]))),
            grpc_replies: config.grpc_replies,
            responder_missed: Cell::new(false),
            bridge_seen: Cell::new(false),
            prefix_known: Cell::new(false),
            prefix_told: cell("prefix", 0),
        };
        Self {
            router,
            context: Rc::new(context),
            counters,
            longest_counted_path,
            metrics: defined,
            summary,
            noted: cell("noted", fingerprint(&notes)),
            notes,
            grpc_web: (Notice::default(), cell("grpc-web", 0)),
            publishers: RefCell::new(publishers),
            probes,
            build: environment.build,
            loads: Rc::new(ConfigLoads::new(plugin, print, fingerprint(&environment.build))),
            load_metrics,
        }
    }
}
