//! What follows from a configuration, for all that a VM does by it.

use heartbeat_common::base::metric::Measurement;
use heartbeat_host::{self as host, MetricId};
use heartbeat_mesh::config::{ConfigErrors, HubConfig};
use heartbeat_mesh::metrics::Metrics;
use heartbeat_mesh::plan::Plan;
use heartbeat_mesh::shared::Keys;
use std::hash::{BuildHasher, RandomState};
use std::rc::Rc;

/// What follows from a configuration.
pub struct Setup {
    /// What there is to be done.
    pub plan: Plan,
    /// Where the VMs of the process meet.
    pub keys: Rc<Keys>,
    /// What is shown of it.
    pub metrics: Rc<Metrics>,
    /// The ids of the metrics, in their order; `None` where Envoy refused one.
    metric_ids: Vec<Option<MetricId>>,
    /// Tells this VM from all others of the process.
    pub token: u64,
}

impl Setup {
    /// That of the present configuration.
    pub fn read() -> Result<Self, ConfigErrors> {
        let plan = Plan::of(HubConfig::from_bytes(&host::plugin_configuration())?);
        let (metrics, list) = Metrics::define(&plan.owner.sources, &plan.owner.services);
        Ok(Self {
            metric_ids: list.iter().map(host::define).collect(),
            metrics: Rc::new(metrics),
            keys: Rc::new(Keys::of(&host::plugin_name())),
            token: RandomState::new().hash_one(host::now()),
            plan,
        })
    }

    /// Has a metric take a value.
    pub fn record(&self, measurement: Measurement) {
        let Some(Some(id)) = self.metric_ids.get(measurement.metric()) else { return };
        match measurement {
            Measurement::Add(_, value) => host::increment(*id, value),
            Measurement::Set(_, value) | Measurement::Observe(_, value) => host::record(*id, value),
        }
    }
}
