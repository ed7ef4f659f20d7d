//! The steps of a scenario as they are written.

use std::collections::BTreeMap;

use anyhow::{Context, Result, anyhow, bail, ensure};
use rustix::process::Signal as ProcessSignal;
use serde::Deserialize;
use serde_json::{Map, Value};

use super::expect::{Expect, ExpectSeen};
use super::pattern::Pattern;
use super::request::RequestLine;
use super::size::Size;
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
    RestartApp(RestartApp),
    Reload(Reload),
    Baseline(Baseline),
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
    pub(super) memory: Option<Memory>,
}

/// What Envoy's memory may have come to since the `baseline`.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Memory {
    pub(super) envoy_grows_at_most: Size,
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

/// `restart_app`: the application once more, on the same ports.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct RestartApp {
    #[serde(rename = "restart_app")]
    _nothing: Nothing,
}

/// `reload`: another configuration of the filter.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Reload {
    pub(super) reload: Reconfigure,
}

/// How the filter is configured anew.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Reconfigure {
    pub(super) config: Option<Value>,
    #[serde(default = "once")]
    pub(super) times: usize,
    pub(super) refused: Option<Vec<Pattern>>,
}

/// `baseline`: Envoy's memory as it is now.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Baseline {
    #[serde(rename = "baseline")]
    _nothing: Nothing,
}

/// `{}`.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Nothing {}

fn once() -> usize {
    1
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
const ACTIONS: [(&str, Read); 8] = [
    ("join", |told| serde_json::from_value(told).map(Action::Join)),
    ("set_app", |told| serde_json::from_value(told).map(Action::SetApp)),
    ("signal_app", |told| serde_json::from_value(told).map(Action::SignalApp)),
    ("restart_app", |told| serde_json::from_value(told).map(Action::RestartApp)),
    ("reload", |told| serde_json::from_value(told).map(Action::Reload)),
    ("baseline", |told| serde_json::from_value(told).map(Action::Baseline)),
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
            Self::RestartApp(_) => "restart_app".into(),
            Self::Reload(_) => "reload".into(),
            Self::Baseline(_) => "baseline".into(),
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
        for key in ["app_sees", "app_counts", "metrics", "memory"] {
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

/// Checks that every step has what it needs of those before it.
pub fn check_order(steps: &[Step]) -> Result<()> {
    let mut background = Vec::new();
    let mut baseline = false;
    for Step { action, after } in steps {
        match action {
            Action::Traffic { background: Some(name), .. } => {
                ensure!(!background.contains(&name), "{name} is in the background already");
                background.push(name);
            }
            Action::Join(Join { join }) => {
                let at = background.iter().position(|name| *name == join);
                background.remove(at.with_context(|| format!("no {join} in the background"))?);
            }
            Action::Baseline(_) => baseline = true,
            _ => {}
        }
        ensure!(baseline || after.memory.is_none(), "memory is compared with a baseline before");
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
