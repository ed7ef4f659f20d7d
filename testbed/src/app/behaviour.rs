//! How the application behaves: what the control port takes.

use std::collections::{BTreeMap, VecDeque};

use serde::{Deserialize, Serialize};

use crate::size::Size;

/// Everything that can be set; what isn't given is as it is at the start.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Behaviour {
    /// Deviations by exact path, without the query, for HTTP and gRPC alike.
    pub paths: BTreeMap<String, Deviation>,
    /// Status by gRPC service; the empty name is the whole server, which
    /// serves unless it is set otherwise.
    pub grpc: BTreeMap<String, ServingStatus>,
    /// What it does on new connections when a request over HTTP/1.1 asks for a close; as
    /// hyper does, which announces it, unless something is said.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub on_close: Option<OnClose>,
}

impl Behaviour {
    /// How new connections are served by hand; `None` where hyper can do it.
    pub fn by_hand(&self) -> Option<OnClose> {
        let raw = || self.paths.values().any(Deviation::is_raw);
        self.on_close.or_else(|| raw().then_some(OnClose::Announce))
    }
}

/// What a server does with a request over HTTP/1.1 that asks it to close the connection.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum OnClose {
    /// It announces the close in its answer, as Node, Go and Envoy do.
    Announce,
    /// It closes behind its answer without a word, as the JDK's and Python's do.
    Silent,
    /// It does so 5 ms later.
    Late,
    /// It takes no notice.
    Ignore,
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
    /// A body of so many times the letter `a`, instead of `body`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub body_size: Option<Size>,
    /// How long to wait before answering.
    pub delay_ms: u64,
    /// Never answer.
    pub hang: bool,
    /// Answer, and send the head only.
    pub stall: bool,
    /// Close the connection instead of answering.
    pub reset: bool,
    /// These bytes, Latin-1, instead of an answer, and then the connection is closed.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub raw: Option<String>,
    /// For so many requests only; the answer is ordinary again after them.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub times: Option<usize>,
    /// Deviations of the next requests, one each; what stands beside it holds
    /// for those that follow.
    pub sequence: VecDeque<Deviation>,
}

impl Deviation {
    fn is_raw(&self) -> bool {
        self.raw.is_some() || self.sequence.iter().any(Self::is_raw)
    }

    /// How the next request is answered; `None` for the ordinary answer.
    pub fn for_next_request(&mut self) -> Option<Self> {
        if let Some(mut first) = self.sequence.pop_front() {
            return first.for_next_request();
        }
        if let Some(left) = &mut self.times {
            *left = left.checked_sub(1)?;
        }
        Some(self.clone())
    }
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

#[cfg(test)]
mod tests {
    use serde_json::{from_value, json};

    use super::*;

    fn statuses(deviation: serde_json::Value) -> [Option<u16>; 4] {
        let mut deviation: Deviation = from_value(deviation).unwrap();
        std::array::from_fn(|_| deviation.for_next_request().and_then(|next| next.status))
    }

    #[test]
    fn a_deviation_holds_for_as_long_as_it_should() {
        assert_eq!(statuses(json!({ "status": 500 })), [Some(500); 4]);
        assert_eq!(
            statuses(json!({ "status": 500, "times": 2 })),
            [Some(500), Some(500), None, None]
        );
        assert_eq!(statuses(json!({ "status": 500, "times": 0 })), [None; 4]);
    }

    #[test]
    fn a_sequence_is_followed_by_what_stands_beside_it() {
        let sequence = json!([{ "status": 500 }, {}, { "status": 503 }]);
        assert_eq!(statuses(json!({ "sequence": sequence })), [Some(500), None, Some(503), None]);
        assert_eq!(
            statuses(json!({ "sequence": sequence, "status": 404 })),
            [Some(500), None, Some(503), Some(404)]
        );
    }
}
