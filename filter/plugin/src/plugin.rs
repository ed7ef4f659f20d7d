//! What all streams of a configuration share in one worker.

use crate::host::{self, MetricId, StreamId};
use crate::waiting::Waiting;
use heartbeat_core::{Exchange, Policy, Signals, Surroundings};
use std::hash::{BuildHasher, RandomState};

/// A configuration at work.
pub struct Plugin {
    /// The compiled configuration.
    pub policy: Policy,
    /// The probes that wait for the answer to another one.
    pub waiting: Waiting,
    /// The ids of the policy's metrics, in its order; `None` where Envoy refused one.
    metrics: Vec<Option<MetricId>>,
    /// Makes the tokens of this worker differ from those of the others.
    tokens: RandomState,
}

impl Plugin {
    /// Puts the present configuration to work.
    pub fn configure() -> Result<Self, heartbeat_core::ConfigErrors> {
        let surroundings =
            Surroundings { service_cluster: host::service_cluster(), plugin: host::plugin_name() };
        let policy = Policy::from_bytes(&host::plugin_configuration(), &surroundings)?;
        let metrics = policy.metrics().iter().map(host::define).collect();
        Ok(Self { policy, metrics, waiting: Waiting::default(), tokens: RandomState::new() })
    }

    /// A number that no other probe of the process has.
    pub fn token(&self, stream: StreamId, now: u64) -> u64 {
        self.tokens.hash_one((stream.0, now))
    }

    /// Raises a counter by one.
    pub fn raise(&self, metric: usize) {
        if let Some(Some(id)) = self.metrics.get(metric) {
            host::increment(*id);
        }
    }

    /// Shows what an exchange has to show since the last time.
    pub fn show_signals_of(&self, exchange: &mut Exchange) {
        let Signals { raise, set, log } = exchange.take_signals();
        raise.into_iter().for_each(|metric| self.raise(metric));
        for (metric, value) in set {
            if let Some(Some(id)) = self.metrics.get(metric) {
                host::set(*id, value);
            }
        }
        log.iter().for_each(|line| log::warn!("heartbeat-filter: {line}"));
    }
}
