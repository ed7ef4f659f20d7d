//! How the application behaves: what the control port takes.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

/// Everything that can be set; what isn't given is as it is at the start.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Behaviour {
    /// Deviations by exact path, without the query, for HTTP and gRPC alike.
    pub paths: BTreeMap<String, Deviation>,
    /// Status by gRPC service; the empty name is the whole server, which
    /// serves unless told otherwise.
    pub grpc: BTreeMap<String, ServingStatus>,
}

/// How one path deviates from its ordinary answer. What is given replaces that
/// part of the answer; the rest stays.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Deviation {
    /// The status.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub status: Option<u16>,
    /// Headers to set; values are Latin-1.
    pub headers: BTreeMap<String, String>,
    /// The body.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub body: Option<String>,
    /// How long to wait before answering.
    pub delay_ms: u64,
    /// Never answer.
    pub hang: bool,
    /// Close the connection instead of answering.
    pub reset: bool,
}

/// What a gRPC service says of itself.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
#[allow(missing_docs, reason = "the names are those of the gRPC health protocol")]
pub enum ServingStatus {
    Unknown,
    Serving,
    NotServing,
    ServiceUnknown,
}
