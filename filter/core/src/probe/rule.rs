//! What matches a kind of probe, and what happens to it.

use crate::clients::Clients;
use crate::evidence::condition::Condition;
use crate::format::Format;
use crate::guards::allow::AllowRule;
use crate::guards::breaker::BreakerRule;
use crate::guards::cache::CacheRule;
use crate::guards::limit::LimitRule;
use crate::matching::rule::Match;
use std::time::Duration;

/// A rule that matches a kind of probe.
#[derive(Debug, Hash, PartialEq)]
pub struct ProbeRule {
    /// Its name: in metrics, in logs, and in `x-heartbeat-probe`.
    pub name: String,
    /// What it matches.
    pub matcher: Match,
    /// What it does.
    pub action: Action,
    /// How long the application may take; `None` lifts every limit.
    pub timeout: Option<Duration>,
    /// The same for a Watch, which goes on for as long as its client likes unless
    /// the rule says otherwise.
    pub watch_timeout: Option<Duration>,
    /// What it does to the connection to the application.
    pub connection: Connection,
    /// How often Envoy may retry the probe.
    pub retries: u32,
    /// How often the application may be probed.
    pub limit: Option<LimitRule>,
    /// When the application is left alone.
    pub breaker: Option<BreakerRule>,
    /// Who may probe; everyone where it isn't given.
    pub allow: Option<AllowRule>,
    /// The HTTP path that a Check is translated to.
    pub via_http: Option<String>,
}

/// What a rule does with a probe.
#[derive(Debug, PartialEq, Eq, Hash)]
pub enum Action {
    /// To the application, annotated and bounded.
    Forward,
    /// To the application once, and its answer to everyone.
    Cache(CacheRule),
    /// The proxy answers; the application sees nothing.
    Respond(RespondRule),
    /// The proxy shows what it knows.
    Inspect,
}

impl Action {
    /// The word of the configuration.
    pub const fn word(&self) -> &'static str {
        match self {
            Self::Forward => "forward",
            Self::Cache(_) => "cache",
            Self::Respond(_) => "respond",
            Self::Inspect => "inspect",
        }
    }

    /// Whether the application sees nothing of it.
    pub const fn is_answered_here(&self) -> bool {
        matches!(self, Self::Respond(_) | Self::Inspect)
    }

    /// The clients that its `details` are for, where it names them.
    pub fn details_to(&self) -> Option<&Clients> {
        match self {
            Self::Respond(RespondRule { details: Details::To(clients), .. }) => Some(clients),
            _ => None,
        }
    }
}

/// What a forwarded HTTP probe does to the connection to the application.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Connection {
    /// Ask the application to close it where that is known to harm nobody.
    Auto,
    /// Ask the application to close it, so that the next probe needs a new one
    /// and a process that accepts no more connections shows.
    Close,
    /// Leave it open.
    Keep,
}

/// A probe that the proxy answers.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
pub struct RespondRule {
    /// What the answer rests on; nothing means that it passes as long as the
    /// proxy runs.
    pub when: Vec<Condition>,
    /// How the answer is written.
    pub format: Format,
    /// Who sees more than the bare status.
    pub details: Details,
}

/// Who sees more than the bare status.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
pub enum Details {
    /// Nobody.
    Never,
    /// Whom the rule's `allow` names.
    #[default]
    Allowed,
    /// Everyone.
    Always,
    /// These.
    To(Clients),
}
