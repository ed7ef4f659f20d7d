//! The steps that make an application behave otherwise.

use std::collections::BTreeMap;

use rustix::process::Signal as ProcessSignal;
use serde::Deserialize;
use serde_json::{Map, Value};

use super::role::Role;
use crate::app::behaviour::{Behaviour, Deviation, ServingStatus};
use crate::hosts::Condition;

/// What an application, its process or its host is made to do.
#[derive(Clone, Debug)]
pub enum AppCommand {
    /// Behave so.
    Set(Behaviour),
    /// Get a signal.
    Signal(ProcessSignal),
    /// Start once more, on the same ports.
    Restart,
    /// Have a host in this condition.
    SetHostCondition(Condition),
}

/// Another behaviour of an application.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Set {
    #[serde(rename = "set_app", alias = "set_dependency")]
    paths: BTreeMap<String, Deviation>,
    #[serde(default)]
    grpc_services: BTreeMap<String, ServingStatus>,
}

/// A signal to an application's process.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct SendSignal {
    #[serde(rename = "signal_app", alias = "signal_dependency")]
    signal: Signal,
}

#[derive(Clone, Copy, Deserialize)]
#[serde(rename_all = "UPPERCASE")]
enum Signal {
    Stop,
    Cont,
    Kill,
}

/// An application once more.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Restart {
    #[serde(rename = "restart_app", alias = "restart_dependency")]
    _nothing: Nothing,
}

/// Another condition of an application's host.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct SetHostCondition {
    #[serde(rename = "host_app")]
    condition: Condition,
}

/// `{}`.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Nothing {}

/// Reads one kind of command.
type Read = fn(Value) -> serde_json::Result<AppCommand>;

/// The kinds of commands by the verb in their key.
const KINDS: [(&str, Read); 4] = [
    ("set", |value| serde_json::from_value(value).map(|set: Set| AppCommand::Set(set.behaviour()))),
    ("signal", |value| {
        serde_json::from_value(value).map(|it: SendSignal| AppCommand::Signal(it.signal.into()))
    }),
    ("restart", |value| serde_json::from_value(value).map(|_: Restart| AppCommand::Restart)),
    ("host", |value| {
        serde_json::from_value(value)
            .map(|it: SetHostCondition| AppCommand::SetHostCondition(it.condition))
    }),
];

/// Every key of a command, the application that it is for, and how it is read.
pub fn keys() -> impl Iterator<Item = (String, Role, Read)> {
    Role::ALL
        .into_iter()
        .flat_map(|role| KINDS.map(|(verb, read)| (format!("{verb}_{}", role.key()), role, read)))
}

/// Whether and how `step` is such a command.
pub fn find(step: &Map<String, Value>) -> Option<(String, Role, Read)> {
    keys().find(|(key, ..)| step.contains_key(key))
}

impl AppCommand {
    /// What is done: its key but for the application.
    pub fn verb(&self) -> &'static str {
        match self {
            Self::Set(_) => "set",
            Self::Signal(_) => "signal",
            Self::Restart => "restart",
            Self::SetHostCondition(_) => "host",
        }
    }
}

impl Set {
    fn behaviour(self) -> Behaviour {
        Behaviour { paths: self.paths, grpc: self.grpc_services, ..Behaviour::default() }
    }
}

impl From<Signal> for ProcessSignal {
    fn from(signal: Signal) -> Self {
        match signal {
            Signal::Stop => Self::STOP,
            Signal::Cont => Self::CONT,
            Signal::Kill => Self::KILL,
        }
    }
}
