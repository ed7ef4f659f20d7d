//! gRPC health clients of several makes, so that no two ends of a test are the
//! same code. All give the same [`Answer`].

mod by_grpcio;
mod by_probe;
mod by_tonic;

use std::collections::BTreeMap;
use std::time::Duration;

use anyhow::{Context, Result};
use serde::{Deserialize, Serialize};
use tokio::process::Command;
use tonic::Code;

pub use self::by_grpcio::by_grpcio;
pub use self::by_probe::by_probe;
pub use self::by_tonic::{Tonic, by_tonic};

/// No call without a deadline of its own may take longer.
const PATIENCE: Duration = Duration::from_secs(60);

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
    /// What List told: status by service.
    pub services: BTreeMap<String, String>,
    /// Initial and trailing metadata.
    pub metadata: Vec<(String, String)>,
    /// From connecting to the end of the call.
    #[serde(skip)]
    pub elapsed: Duration,
}

/// Lets a client in a process of its own make a call, and returns what it printed.
async fn output(command: &mut Command, client: &str) -> Result<std::process::Output> {
    tokio::time::timeout(PATIENCE, command.kill_on_drop(true).output())
        .await
        .with_context(|| format!("no end of {client} within {PATIENCE:?}"))?
        .with_context(|| format!("can't run {client}"))
}

/// The specification's name of a code.
fn code_name(code: Code) -> String {
    screaming(&format!("{code:?}"))
}

/// `DeadlineExceeded` as `DEADLINE_EXCEEDED`.
fn screaming(camel: &str) -> String {
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
