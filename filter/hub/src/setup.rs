//! What follows from a configuration, for all that a VM does by it.

use heartbeat_common::base::environment::Variables;
use heartbeat_common::base::metric::Measurement;
use heartbeat_host::{self as host, DefinedMetrics};
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
    /// The same, as Envoy knows them.
    defined: DefinedMetrics,
    /// Tells this VM from all others of the process.
    pub token: u64,
}

impl Setup {
    /// That of the present configuration.
    pub fn read() -> Result<Self, ConfigErrors> {
        let plan = Plan::of(HubConfig::from_bytes(
            &host::plugin_configuration(),
            Variables(host::variable),
        )?);
        let (metrics, list) =
            Metrics::define(&plan.owner.sources, &plan.owner.services, &plan.webhooks);
        Ok(Self {
            defined: DefinedMetrics::define(&list),
            metrics: Rc::new(metrics),
            keys: Rc::new(Keys::of(&host::plugin_name())),
            token: RandomState::new().hash_one(host::now()),
            plan,
        })
    }

    /// Has a metric take a value.
    pub fn record(&self, measurement: Measurement) {
        self.defined.record(measurement);
    }
}
