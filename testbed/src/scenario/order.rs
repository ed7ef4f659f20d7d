//! The steps that tell an application what to do.

use std::collections::BTreeMap;

use rustix::process::Signal as ProcessSignal;
use serde::Deserialize;
use serde_json::{Map, Value};

use super::role::Role;
use crate::app::behaviour::{Behaviour, Deviation, ServingStatus};
use crate::hosts::Condition;

/// What an application is told.
#[derive(Clone, Debug)]
pub enum Order {
    /// Behave so.
    Set(Behaviour),
    /// Here is a signal.
    Signal(ProcessSignal),
    /// Start once more, on the same ports.
    Restart,
    /// This befalls your host.
    Befall(Condition),
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

/// What befalls an application's host.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Befall {
    #[serde(rename = "host_app")]
    condition: Condition,
}

/// `{}`.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Nothing {}

/// Reads one kind of order.
type Read = fn(Value) -> serde_json::Result<Order>;

/// The kinds of orders by the verb in their key.
const KINDS: [(&str, Read); 4] = [
    ("set", |told| serde_json::from_value(told).map(|set: Set| Order::Set(set.behaviour()))),
    ("signal", |told| {
        serde_json::from_value(told).map(|told: SendSignal| Order::Signal(told.signal.into()))
    }),
    ("restart", |told| serde_json::from_value(told).map(|_: Restart| Order::Restart)),
    ("host", |told| serde_json::from_value(told).map(|told: Befall| Order::Befall(told.condition))),
];

/// Every key that tells an order, whose it is, and how it is read.
pub fn keys() -> impl Iterator<Item = (String, Role, Read)> {
    Role::ALL
        .into_iter()
        .flat_map(|role| KINDS.map(|(verb, read)| (format!("{verb}_{}", role.key()), role, read)))
}

/// Whether and how `told` is an order.
pub fn find(told: &Map<String, Value>) -> Option<(String, Role, Read)> {
    keys().find(|(key, ..)| told.contains_key(key))
}

impl Order {
    /// What is done; the key that tells it but for the application.
    pub fn verb(&self) -> &'static str {
        match self {
            Self::Set(_) => "set",
            Self::Signal(_) => "signal",
            Self::Restart => "restart",
            Self::Befall(_) => "host",
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
