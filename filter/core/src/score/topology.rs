//! The axis of topology: how many hosts are healthy, where traffic goes.

use super::{Axis, share};
use crate::facts::admin::Membership;

/// A cluster that matters.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Cluster {
    /// Its hosts; `None` where Envoy doesn't know it.
    pub hosts: Option<Membership>,
    /// How many requests went to it in the window.
    pub used: u64,
}

/// The clusters that matter; `None` where nobody has seen them lately.
#[derive(Debug)]
pub struct TopologyAxis(pub Option<Vec<Cluster>>);

impl Axis for TopologyAxis {
    /// The share of healthy hosts, weighted by use, where Envoy lists them. Every cluster counts as if one
    /// more request had gone to it: else the one that nobody uses would not matter
    /// at all, and nothing would where there is no traffic.
    fn read(&self) -> Option<f64> {
        let (mut healthy, mut whole) = (0.0, 0.0);
        let unlisted = |cluster: &Cluster| cluster.hosts.is_some_and(|hosts| hosts.unlisted);
        for cluster in self.0.as_ref()?.iter().filter(|cluster| !unlisted(cluster)) {
            let use_of_it = 1.0 + cluster.used as f64;
            healthy += use_of_it * cluster.healthy();
            whole += use_of_it;
        }
        (whole > 0.0).then(|| healthy / whole)
    }
}

impl Cluster {
    fn healthy(&self) -> f64 {
        let Membership { total, healthy, degraded, .. } = self.hosts.unwrap_or_default();
        share(healthy.saturating_add(degraded), total)
    }
}
