//! What an answer rests on, as a rule says it.

use crate::base::units::Share;
use crate::facts::traffic::TrafficRule;

/// One piece of evidence, and what it means for the answer.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Condition {
    /// What is looked at.
    pub basis: Basis,
    /// What it means where it doesn't hold.
    pub severity: Severity,
    /// What it means where it wasn't observed lately.
    pub on_stale: OnStale,
}

/// What evidence means that speaks against health.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Severity {
    /// The probe fails.
    Fail,
    /// The probe passes, degraded.
    Warn,
}

/// What evidence means that is too old to rely on.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum OnStale {
    /// The probe passes, degraded.
    Warn,
    /// The same as evidence against health.
    Fail,
}

/// What is looked at.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum Basis {
    /// A background check, by its name.
    Check(String),
    /// The proxy itself: live, or draining.
    Server,
    /// The hosts of an upstream cluster.
    Cluster(ClusterRule),
    /// The ordinary requests.
    Traffic(TrafficRule),
    /// The health score: the least that it must be.
    Score(u16),
}

/// How many hosts of clusters must be healthy.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct ClusterRule {
    /// The clusters, as Envoy's statistics name them; one at least.
    pub names: Vec<String>,
    /// How many of them must hold.
    pub need: Need,
    /// The share of the hosts of each.
    pub min_healthy: Share,
}

/// How many of several must hold.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Need {
    /// All of them.
    All,
    /// One at least.
    Any,
}

impl Basis {
    /// Tells it from the others of the same `when`.
    pub fn name(&self) -> String {
        match self {
            Self::Check(name) => name.clone(),
            Self::Server => "server".to_owned(),
            Self::Cluster(rule) => {
                let kind = if rule.names.len() == 1 { "cluster:" } else { "clusters:" };
                [kind, &rule.names.join(",")].concat()
            }
            Self::Traffic(_) => "traffic".to_owned(),
            Self::Score(_) => "score".to_owned(),
        }
    }
}
