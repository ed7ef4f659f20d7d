//! The steps of a scenario as they are written.

use std::collections::BTreeMap;

use anyhow::{Context, Result, anyhow, bail, ensure};
use rustix::process::Signal as ProcessSignal;
use serde::Deserialize;
use serde_json::{Map, Value};

use super::expect::{Expect, ExpectSeen};
use super::request::RequestLine;
use super::span::{Amount, Span};
use super::traffic::{self, Traffic};
use crate::app::behaviour::{Behaviour, Deviation, ServingStatus};
use crate::client::http;

/// One step: what is done, and what it leads to.
#[derive(Clone, Debug, Deserialize)]
#[serde(try_from = "Map<String, Value>")]
pub struct Step {
    /// What is done.
    pub action: Action,
    /// What it leads to.
    pub after: After,
}

/// What is done.
#[derive(Clone, Debug)]
#[allow(missing_docs, reason = "named after the key that tells it")]
pub enum Action {
    /// Requests; with a name they go on in the background.
    Traffic {
        traffic: Box<Traffic>,
        background: Option<String>,
    },
    Join(Join),
    SetApp(SetApp),
    SignalApp(SignalApp),
    Wait(Wait),
    Admin(Admin),
}

/// What any step may lead to.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default)]
pub struct After {
    pub(super) app_sees: Option<Vec<ExpectSeen>>,
    pub(super) app_counts: BTreeMap<String, Amount>,
    pub(super) metrics: BTreeMap<String, Amount>,
}

/// `join`: the end of what goes on in the background.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Join {
    pub(super) join: String,
}

/// `set_app`: another behaviour of the application.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct SetApp {
    set_app: BTreeMap<String, Deviation>,
    #[serde(default)]
    grpc_services: BTreeMap<String, ServingStatus>,
}

/// `signal_app`: a signal to the application's process.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct SignalApp {
    pub(super) signal_app: Signal,
}

/// `wait`: nothing, for a while.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Wait {
    pub(super) wait: Span,
}

/// `admin`: a request to Envoy's admin interface.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Admin {
    admin: RequestLine,
    #[serde(default = "Expect::ok")]
    pub(super) expect: Expect,
}

/// A signal to a process.
#[derive(Clone, Copy, Debug, Deserialize)]
#[serde(rename_all = "UPPERCASE")]
#[allow(missing_docs)]
pub enum Signal {
    Stop,
    Cont,
    Kill,
}

/// Reads an action that is not traffic.
type Read = fn(Value) -> serde_json::Result<Action>;

/// The actions by the key that tells them; those of [`traffic::KINDS`] besides.
const ACTIONS: [(&str, Read); 5] = [
    ("join", |told| serde_json::from_value(told).map(Action::Join)),
    ("set_app", |told| serde_json::from_value(told).map(Action::SetApp)),
    ("signal_app", |told| serde_json::from_value(told).map(Action::SignalApp)),
    ("wait", |told| serde_json::from_value(told).map(Action::Wait)),
    ("admin", |told| serde_json::from_value(told).map(Action::Admin)),
];

impl Action {
    /// What a report calls it.
    pub fn name(&self) -> String {
        match self {
            Self::Traffic { traffic, .. } => traffic.name(),
            Self::Join(step) => format!("join {}", step.join),
            Self::SetApp(_) => "set_app".into(),
            Self::SignalApp(_) => "signal_app".into(),
            Self::Wait(_) => "wait".into(),
            Self::Admin(step) => format!("admin {}", step.request()),
        }
    }

    fn read(mut told: Map<String, Value>) -> Result<Self> {
        // Serde keeps only an error's outermost words, so they name the kind.
        let context = |kind| move |error| anyhow!("a step of kind {kind}: {error:#}");
        let background = told.remove("background");
        if let Some((kind, read)) = traffic::KINDS.iter().find(|(kind, _)| told.contains_key(*kind))
        {
            let background = background.map(serde_json::from_value).transpose()?;
            let traffic = read(told).map_err(context(kind))?;
            return Ok(Self::Traffic { traffic: Box::new(traffic), background });
        }
        if let Some((kind, read)) = ACTIONS.iter().find(|(kind, _)| told.contains_key(*kind)) {
            ensure!(background.is_none(), "a step of kind {kind} can't go on in the background");
            return read(told.into()).map_err(anyhow::Error::from).map_err(context(kind));
        }
        let kinds = traffic::KINDS.iter().map(|(kind, _)| *kind);
        let kinds: Vec<_> = kinds.chain(ACTIONS.iter().map(|(kind, _)| *kind)).collect();
        let keys: Vec<_> = told.keys().map(String::as_str).collect();
        bail!("a step has one of {}, not {}", kinds.join(", "), keys.join(", "))
    }
}

impl TryFrom<Map<String, Value>> for Step {
    type Error = anyhow::Error;

    fn try_from(mut told: Map<String, Value>) -> Result<Self> {
        let mut after = Map::new();
        for key in ["app_sees", "app_counts", "metrics"] {
            after.extend(told.remove_entry(key));
        }
        let after: After = serde_json::from_value(after.into())?;
        let action = Action::read(told)?;
        if let Action::Traffic { background: Some(name), .. } = &action {
            ensure!(
                after.app_sees.is_none(),
                "{name}: app_sees can't tell the background's requests from others"
            );
        }
        Ok(Self { action, after })
    }
}

/// Checks that what is joined goes on in the background by then.
pub fn check_joins(steps: &[Step]) -> Result<()> {
    let mut running = Vec::new();
    for Step { action, .. } in steps {
        match action {
            Action::Traffic { background: Some(name), .. } => {
                ensure!(!running.contains(&name), "{name} is in the background already");
                running.push(name);
            }
            Action::Join(Join { join }) => {
                let at = running.iter().position(|name| *name == join);
                running.remove(at.with_context(|| format!("no {join} in the background"))?);
            }
            _ => {}
        }
    }
    Ok(())
}

impl SetApp {
    /// The behaviour.
    pub fn behaviour(&self) -> Behaviour {
        Behaviour { paths: self.set_app.clone(), grpc: self.grpc_services.clone() }
    }
}

impl Admin {
    /// The request.
    pub fn request(&self) -> http::Request {
        (&self.admin).into()
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
