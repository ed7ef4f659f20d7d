//! The configuration, compiled for the request path.

mod compile;
mod conditions;
mod evidence;
pub mod loads;
mod notes;
mod publish;

use crate::base::environment::{Build, Environment};
use crate::base::metric::{Measurement, Metric};
use crate::base::time::{HOUR, Instant, Nanos};
use crate::config::{Config, ConfigErrors};
use crate::counters::counter::Counter;
use crate::evidence::Evidence;
use crate::exchange::{Exchange, ExchangeContext};
use crate::guards::refusals::Refusals;
use crate::http::completed::Completed;
use crate::http::headers::{PROBE, UPSTREAM_HEALTH_CHECK};
use crate::http::request::{Ending, RequestHead, without_query};
use crate::probe::{Matched, Probe, Router};
use crate::publish::Publisher;
use crate::state::{
    Cell as StateCell, Change, Context, Lease, Notice, SharedStore, fingerprint, update,
};
use loads::{ConfigLoads, LoadMetrics};
use std::cell::{OnceCell, RefCell};
use std::rc::Rc;

/// Everything that the filter knows, ready to use: made once per configuration,
/// shared by all streams of a worker.
#[derive(Debug)]
pub struct Policy {
    router: Router,
    context: Rc<ExchangeContext>,
    counters: Vec<Counter>,
    /// How long the longest path is that a counter asks for; `None` where none does.
    longest_counted_path: Option<usize>,
    metrics: Vec<Metric>,
    summary: String,
    notes: Vec<String>,
    /// Says that the notes were said.
    noted: StateCell,
    /// Says that calls in gRPC-Web go by unread.
    grpc_web: (Notice, StateCell),
    publishers: RefCell<Vec<Publisher>>,
    /// The rules, in their order.
    probes: Vec<Rc<Probe>>,
    build: Build,
    loads: Rc<ConfigLoads>,
    load_metrics: LoadMetrics,
}

impl Policy {
    /// Compiles the bytes of `pluginConfig`.
    ///
    /// # Errors
    /// Every mistake of the configuration.
    pub fn from_bytes(bytes: &[u8], environment: &Environment) -> Result<Self, ConfigErrors> {
        let config = Config::parse_with(bytes, environment.variables)?;
        let mut policy = Self::compile(config, fingerprint(bytes), environment);
        if bytes.trim_ascii().is_empty() {
            // A `pluginConfig` that slipped out of its place in YAML comes as no bytes.
            policy.summary.insert_str(0, "no configuration; ");
        }
        Ok(policy)
    }

    /// What is in force, in one line for people.
    pub fn summary(&self) -> &str {
        &self.summary
    }

    /// What whoever wrote the configuration should know of it. Of all VMs that load
    /// it at the same time, one is to say so.
    pub fn notes(&self, cx: Context<'_, impl SharedStore>) -> &[String] {
        const AT_THE_SAME_TIME: Nanos = 10_000_000_000;
        let said = update::<Lease, _>(cx, &self.noted, |lease| {
            let said = lease.is_held(cx.now);
            lease.grant(0, cx.now, AT_THE_SAME_TIME);
            Change::write_if(!said, said)
        });
        if self.notes.is_empty() || said == Ok(true) { &[] } else { &self.notes }
    }

    /// What is to be said, once in an hour of all workers, where the last request was a
    /// health call in gRPC-Web: `grpc_web` stands behind this filter, or nowhere.
    pub fn note_on_grpc_web<'a, S: SharedStore + 'a>(
        &self,
        cx: impl FnOnce() -> Context<'a, S>,
    ) -> Option<&'static str> {
        let (notice, said) = &self.grpc_web;
        let due = self.router.take_grpc_web() && notice.is_due(said, HOUR, cx());
        due.then_some(
            "a health call in gRPC-Web is ordinary traffic here: put envoy.filters.http.grpc_web before this filter",
        )
    }

    /// The same for somebody who looks at the configuration, and loads it nowhere.
    pub fn all_notes(&self) -> &[String] {
        &self.notes
    }

    /// The loads of this configuration and of those before it.
    pub fn loads(&self) -> &Rc<ConfigLoads> {
        &self.loads
    }

    /// What its load has metrics take, where nobody else has made it.
    pub fn loaded(&self) -> [Measurement; 2] {
        self.load_metrics.of_load()
    }

    /// All metrics, to be defined once.
    pub fn metrics(&self) -> &[Metric] {
        &self.metrics
    }

    /// The probe rule that a request matches; `None` for ordinary traffic.
    pub fn match_request(&self, request: &impl RequestHead) -> Option<Matched> {
        self.router.match_request(request)
    }

    /// Follows a probe. `token` must differ from that of every other probe of
    /// the process.
    pub fn exchange(&self, matched: Matched, token: u64, now: Instant) -> Exchange {
        Exchange::new(matched, Rc::clone(&self.context), token, now)
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

    /// What a request that is over adds to the counters.
    pub fn counted<'a, E: Ending>(
        &'a self,
        completed: &Completed<'a, E>,
    ) -> impl Iterator<Item = Measurement> {
        self.counters.iter().filter_map(|counter| counter.record(completed))
    }

    /// What the answers of `respond` rest on.
    pub fn evidence(&self) -> &Rc<Evidence> {
        &self.context.evidence
    }

    /// The VM's part in what is published, for whoever does it.
    pub fn take_publishers(&self) -> Vec<Publisher> {
        self.publishers.take()
    }

    /// The rules, in their order.
    pub(crate) fn probes(&self) -> &[Rc<Probe>] {
        &self.probes
    }

    /// The module.
    pub(crate) fn build(&self) -> Build {
        self.build
    }

    /// Those whom `allow` has refused, where a rule shows them.
    pub(crate) fn refusals(&self) -> Option<&Refusals> {
        self.context.refusals.as_ref()
    }

    pub(crate) fn load_metrics(&self) -> &LoadMetrics {
        &self.load_metrics
    }

    /// Whether there are custom counters.
    pub fn has_counters(&self) -> bool {
        !self.counters.is_empty()
    }
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
