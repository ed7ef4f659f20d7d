//! What is asked of a source, as it is configured.

use std::time::Duration;

/// What is asked of a source.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum Asks {
    /// A path, over HTTP, in rounds.
    Http(HttpAsk),
    /// `grpc.health.v1.Health`: a Check in rounds, or a Watch.
    Grpc(GrpcAsk),
    /// Another hub: a long poll for what has changed.
    Hub(HubAsk),
}

/// A GET in rounds. 200 to 399 is alive, with `x-envoy-degraded` it asks for less, as
/// does 429; all else is dead.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct HttpAsk {
    /// The Envoy cluster that is asked.
    pub cluster: String,
    /// The path, with its query string.
    pub path: String,
    /// `:authority`.
    pub host: String,
    /// From one round to the next.
    pub interval: Duration,
    /// How long an answer may take.
    pub timeout: Duration,
}

/// `grpc.health.v1.Health` of an instance
/// (<https://github.com/grpc/grpc/blob/master/doc/health-checking.md>).
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct GrpcAsk {
    /// The Envoy cluster that is asked.
    pub cluster: String,
    /// The gRPC service whose health is asked for; the empty name is the whole server.
    pub service: String,
    /// `:authority`.
    pub authority: String,
    /// Whether a Watch is held open, which says at once what changes. Checks go on beside
    /// it: a process that hangs is as quiet as one that is well.
    pub watch: bool,
    /// From one Check to the next.
    pub interval: Duration,
    /// How long the answer to a Check may take, and the first message of a Watch.
    pub timeout: Duration,
    /// After how many Checks in a row without an answer a Watch isn't believed any more,
    /// and opened anew.
    pub fall: u32,
}

/// `GET /mesh/v1/health/subscribe` of another hub, held until something changes.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct HubAsk {
    /// The Envoy cluster that is asked.
    pub cluster: String,
    /// `:authority`.
    pub host: String,
    /// How long the other hub is to hold a question that nothing answers.
    pub wait: Duration,
    /// How long an answer may take beyond that.
    pub timeout: Duration,
}
