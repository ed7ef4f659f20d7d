//! What is published, and to whom.

use crate::evidence::condition::Condition;
use std::time::Duration;

/// A hub that is told how an instance is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PublishRule {
    /// The Envoy cluster that leads to the hub.
    pub cluster: String,
    /// `:authority`.
    pub host: String,
    /// Where the hub takes events in.
    pub path: String,
    /// What the hub calls the instance.
    pub instance: String,
    /// The service that it is of; without it the one that the hub takes it for.
    pub service: Option<String>,
    /// Where it listens, where it is to be learnt under a name that isn't that.
    pub address: Option<String>,
    /// The source that the hub is to take this proxy for, or refuse it.
    pub source: Option<String>,
    /// What is said of it.
    pub subject: Subject,
    /// How often at least.
    pub every: Duration,
    /// How long the hub's answer may take.
    pub timeout: Duration,
}

/// What is said of an instance.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Subject {
    /// The verdict of the probe rule with this name.
    Probe(String),
    /// That of conditions of its own.
    When {
        /// Tells them from those of probes and of other rules.
        owner: String,
        /// All of them.
        conditions: Vec<Condition>,
    },
}

impl PublishRule {
    /// The conditions of its own, and whose they are; none where a probe has them.
    pub fn own_conditions(&self) -> (&str, &[Condition]) {
        match &self.subject {
            Subject::Probe(name) => (name, &[]),
            Subject::When { owner, conditions } => (owner, conditions),
        }
    }
}
