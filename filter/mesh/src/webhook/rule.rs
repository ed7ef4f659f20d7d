//! A webhook as it is configured.

use super::Change;
use std::fmt;
use std::time::Duration;

/// What the body of a delivery is.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum Format {
    /// Our own: all that is known of each change.
    #[default]
    Event,
    /// A message for people (<https://docs.slack.dev/messaging/sending-messages-using-incoming-webhooks>).
    Slack,
    /// Messages for a topic (<https://pulsar.apache.org/docs/next/client-libraries-rest/>).
    Pulsar,
}

impl Format {
    /// How many changes are told in one delivery.
    pub fn most(self) -> usize {
        match self {
            Self::Event | Self::Pulsar => 100,
            // More lines than that nobody reads.
            Self::Slack => 20,
        }
    }

    /// From the answer to one delivery until the next begins at least.
    pub fn pause(self) -> Duration {
        match self {
            Self::Event | Self::Pulsar => Duration::ZERO,
            // It takes one message a second
            // (<https://docs.slack.dev/apis/web-api/rate-limits>).
            Self::Slack => Duration::from_secs(1),
        }
    }
}

/// What must not get into a log.
#[derive(Clone, PartialEq, Eq)]
pub struct Secret(pub String);

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("…")
    }
}

/// A webhook as it is configured.
#[derive(Clone, Debug, PartialEq)]
pub struct WebhookRule {
    /// Its name, which is a label of metrics.
    pub name: String,
    /// The Envoy cluster that is called.
    pub cluster: String,
    /// `:authority`.
    pub host: String,
    /// `:path`; its owner may take it for a secret.
    pub path: Secret,
    /// The services that it is told of; empty for all.
    pub services: Vec<String>,
    /// The words of the verdicts that it is told of.
    pub verdicts: Vec<&'static str>,
    /// What the body is.
    pub format: Format,
    /// Headers of the operator's own.
    pub headers: Vec<(String, Secret)>,
    /// What bodies are signed with.
    pub key: Option<Secret>,
    /// How long an answer may take.
    pub timeout: Duration,
    /// How often a delivery that has failed is tried again.
    pub retries: u32,
    /// How long after the first failure.
    pub backoff: Duration,
    /// How many changes may wait.
    pub queue: usize,
}

impl WebhookRule {
    /// Whether it is to be told of a change.
    pub fn concerns(&self, change: &Change) -> bool {
        let is_known = |service: &String| *service == change.service;
        (self.services.is_empty() || self.services.iter().any(is_known))
            && self.verdicts.contains(&change.word())
    }
}
