//! Calls of the gRPC health service, and how they end.

use std::collections::BTreeMap;
use std::time::Duration;

use serde::{Deserialize, Serialize};
use tonic::Code;

/// No call without a deadline of its own may take longer.
pub(super) const TIMEOUT: Duration = Duration::from_secs(60);

/// A method of `grpc.health.v1.Health`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Method {
    /// The health of one service.
    Check,
    /// The health of every service.
    List,
    /// The health of one service, now and at every change.
    Watch,
}

/// A call to be made.
#[derive(Clone, Debug, Serialize)]
pub struct Call {
    /// The method.
    pub method: Method,
    /// The service asked for; empty is the whole server.
    pub service: String,
    /// The call's deadline.
    #[serde(rename = "deadline_ms", serialize_with = "as_millis")]
    pub deadline: Option<Duration>,
    /// Metadata to send; values are Latin-1.
    pub metadata: Vec<(String, String)>,
    /// How many messages of a Watch to wait for before hanging up.
    pub messages: usize,
    /// Have the client watch the service's health by itself for so long before the call.
    #[serde(rename = "health_checked_ms", serialize_with = "as_millis")]
    pub health_checked: Option<Duration>,
}

impl Call {
    /// A call about the whole server, without a deadline.
    pub fn new(method: Method) -> Self {
        Self {
            method,
            service: String::new(),
            deadline: None,
            metadata: vec![],
            messages: 1,
            health_checked: None,
        }
    }
}

/// How a call ended.
#[derive(Clone, Debug, Default, Deserialize)]
pub struct Answer {
    /// The status code's name as the gRPC specification writes it. A Watch that
    /// delivered all messages waited for is `OK`.
    pub code: String,
    /// The status message.
    pub message: String,
    /// The serving statuses received, one a message.
    pub statuses: Vec<String>,
    /// The result of a List: status by service.
    pub services: BTreeMap<String, String>,
    /// Initial and trailing metadata.
    pub metadata: Vec<(String, String)>,
    /// From connecting to the end of the call.
    #[serde(skip)]
    pub elapsed: Duration,
}

/// The specification's name of a code.
pub(super) fn code_name(code: Code) -> String {
    screaming(&format!("{code:?}"))
}

/// `DeadlineExceeded` as `DEADLINE_EXCEEDED`.
pub(super) fn screaming(camel: &str) -> String {
    let mut name = String::new();
    for c in camel.chars() {
        if c.is_uppercase() && !name.is_empty() {
            name.push('_');
        }
        name.push(c.to_ascii_uppercase());
    }
    name
}

fn as_millis<S: serde::Serializer>(span: &Option<Duration>, to: S) -> Result<S::Ok, S::Error> {
    span.map(|span| span.as_millis() as u64).serialize(to)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn codes_are_named_as_the_specification_does() {
        assert_eq!(code_name(Code::Ok), "OK");
        assert_eq!(code_name(Code::DeadlineExceeded), "DEADLINE_EXCEEDED");
    }
}
