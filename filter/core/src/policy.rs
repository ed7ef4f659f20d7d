//! The configuration, compiled for the request path.

use crate::config::{Config, ConfigErrors, CounterRule, GrpcMethod, Match};
use crate::grpc;
use crate::headers::{CONTENT_TYPE, PROBE, UPSTREAM_HEALTH_CHECK};
use crate::outcome::Outcome;
use crate::probe::Probe;
use crate::request::{RequestHead, without_query};
use crate::{config, metrics};
use std::collections::HashMap;
use std::rc::Rc;

/// Everything that the filter knows, ready to use: made once per configuration,
/// shared by all streams of a worker.
#[derive(Debug)]
pub struct Policy {
    /// HTTP rules by exact path, each list in the order of the configuration.
    by_path: HashMap<Vec<u8>, Vec<HttpRule>>,
    /// gRPC rules, in the order of the configuration.
    grpc: Vec<(Vec<GrpcMethod>, Rc<Probe>)>,
    counters: Vec<CounterRule>,
    metrics: Vec<String>,
}

#[derive(Debug)]
struct HttpRule {
    methods: Vec<String>,
    probe: Rc<Probe>,
}

/// A request that a probe rule matches.
#[derive(Debug)]
pub struct Recognised {
    /// The rule.
    pub probe: Rc<Probe>,
    /// The method, where it is a gRPC health call.
    pub method: Option<GrpcMethod>,
}

/// The number of a metric: its place in [`Policy::metrics`].
pub type MetricIndex = usize;

impl Policy {
    /// Compiles the bytes of `pluginConfig`.
    ///
    /// `service_cluster` is the proxy's own (`node.cluster`), which the prober is
    /// told; it may be empty.
    ///
    /// # Errors
    /// Every mistake of the configuration.
    pub fn from_bytes(bytes: &[u8], service_cluster: &str) -> Result<Self, ConfigErrors> {
        Ok(Self::compile(Config::parse(bytes)?, service_cluster))
    }

    /// Compiles a configuration that holds together.
    pub fn compile(config: Config, service_cluster: &str) -> Self {
        let mut metrics: Vec<String> =
            config.counters.iter().map(|counter| counter.name.clone()).collect();
        let mut by_path: HashMap<Vec<u8>, Vec<HttpRule>> = HashMap::new();
        let mut grpc = Vec::new();
        for rule in config.probes {
            let probe = Rc::new(Probe::compile(&rule, service_cluster, metrics.len()));
            metrics.extend(Outcome::ALL.map(|outcome| metrics::probe_total(&rule.name, outcome)));
            match rule.matcher {
                Match::Http(config::HttpMatch { path, methods }) => {
                    by_path.entry(path.into()).or_default().push(HttpRule { methods, probe });
                }
                Match::Grpc(config::GrpcMatch { methods }) => grpc.push((methods, probe)),
            }
        }
        Self { by_path, grpc, counters: config.counters, metrics }
    }

    /// The stat names of all metrics, to be defined once.
    pub fn metrics(&self) -> &[String] {
        &self.metrics
    }

    /// The probe rule that a request matches; `None` for ordinary traffic.
    ///
    /// Reads the path, and more only where the path is a health path.
    pub fn classify(&self, request: &impl RequestHead) -> Option<Recognised> {
        let target = request.path()?;
        let path = without_query(&target);
        if let Some(method) = grpc::health_method(path) {
            return self.classify_grpc(request, method);
        }
        let candidates = self.by_path.get(path)?;
        let method = request.method()?;
        let accepts = |rule: &&HttpRule| {
            rule.methods.is_empty() || rule.methods.iter().any(|known| known.as_bytes() == method)
        };
        let rule = candidates.iter().find(accepts)?;
        Some(Recognised { probe: Rc::clone(&rule.probe), method: None })
    }

    fn classify_grpc(&self, request: &impl RequestHead, method: GrpcMethod) -> Option<Recognised> {
        let (_, probe) = self.grpc.iter().find(|(methods, _)| methods.contains(&method))?;
        let content_type = request.header(CONTENT_TYPE)?;
        grpc::is_grpc(&content_type)
            .then(|| Recognised { probe: Rc::clone(probe), method: Some(method) })
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

    /// Whether there are custom counters.
    pub fn has_counters(&self) -> bool {
        !self.counters.is_empty()
    }
}

/// The markers on an ordinary request that only a client can have set, and that
/// the application must not see.
pub fn forged_markers(request: &impl RequestHead) -> impl Iterator<Item = &'static str> {
    [UPSTREAM_HEALTH_CHECK, PROBE].into_iter().filter(|marker| request.header(marker).is_some())
}

#[cfg(test)]
mod tests;
