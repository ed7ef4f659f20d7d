//! The steps of a scenario as they are written.

use std::collections::BTreeMap;

use anyhow::{Context, Result, anyhow, bail, ensure};
use serde::Deserialize;
use serde_json::{Map, Value};

use super::app_command::{self, AppCommand, Nothing};
use super::arrivals::Arrivals;
use super::expect::Expect;
use super::pattern::Pattern;
use super::request::RequestLine;
use super::role::Role;
use super::span::{Amount, ClockOffset, Span};
use super::traffic::{self, Traffic};
use crate::client::http;
use crate::size::Size;

/// One step: what is done, and what it leads to.
#[derive(Clone, Debug, Deserialize)]
#[serde(try_from = "Map<String, Value>")]
pub struct Step {
    /// What is done.
    pub action: Action,
    /// Its name, if it goes on while the next steps are taken.
    pub background: Option<String>,
    /// What it leads to.
    pub after: After,
}

/// What is done.
#[derive(Clone, Debug)]
#[allow(missing_docs, reason = "named after its key")]
pub enum Action {
    Traffic(Box<Traffic>),
    App(Role, AppCommand),
    Join(Join),
    Reload(Reload),
    Baseline(Baseline),
    SetClock(SetClock),
    Wait(Wait),
    Admin(Box<Admin>),
    Query(Query),
}

/// What any step may lead to.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default)]
pub struct After {
    #[serde(skip)]
    pub(super) arrivals: BTreeMap<Role, Arrivals>,
    pub(super) metrics: BTreeMap<String, Amount>,
    pub(super) memory: Option<Memory>,
    pub(super) series: Option<SeriesGrowth>,
}

/// What Envoy's memory may have come to since the `baseline`.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Memory {
    pub(super) envoy_grows_at_most: Size,
}

/// How many series Envoy may have beyond those at the `baseline`.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct SeriesGrowth {
    pub(super) grow_by_at_most: usize,
}

/// `join`: the end of what goes on in the background.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Join {
    pub(super) join: String,
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
    /// From the beginning of one to that of the next.
    pub(super) every: Option<Span>,
    pub(super) refused: Option<Vec<Pattern>>,
}

/// `baseline`: Envoy's memory and its series as they are now.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Baseline {
    #[serde(rename = "baseline")]
    _nothing: Nothing,
}

/// `set_clock`: another wall time for Envoy.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct SetClock {
    pub(super) set_clock: ClockOffset,
}

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
    pub(super) within: Option<Span>,
    #[serde(default = "Expect::ok")]
    pub(super) expect: Expect,
}

/// `prometheus`: what Prometheus makes of what it has scraped from Envoy.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Query {
    /// The expression.
    pub(super) prometheus: String,
    pub(super) yields: Amount,
    pub(super) within: Option<Span>,
}

/// Reads an action that is neither traffic nor a command to an application.
type Read = fn(Value) -> serde_json::Result<Action>;

/// The actions by their key; those of [`traffic::KINDS`] and [`app_command::keys`] besides.
const ACTIONS: [(&str, Read); 7] = [
    ("join", |value| serde_json::from_value(value).map(Action::Join)),
    ("reload", |value| serde_json::from_value(value).map(Action::Reload)),
    ("baseline", |value| serde_json::from_value(value).map(Action::Baseline)),
    ("set_clock", |value| serde_json::from_value(value).map(Action::SetClock)),
    ("wait", |value| serde_json::from_value(value).map(Action::Wait)),
    ("admin", |value| serde_json::from_value(value).map(|step| Action::Admin(Box::new(step)))),
    ("prometheus", |value| serde_json::from_value(value).map(Action::Query)),
];

impl Action {
    /// What a report calls it.
    pub fn name(&self) -> String {
        match self {
            Self::Traffic(traffic) => traffic.name(),
            Self::App(role, command) => format!("{}_{}", command.verb(), role.key()),
            Self::Join(step) => format!("join {}", step.join),
            Self::Reload(_) => "reload".into(),
            Self::Baseline(_) => "baseline".into(),
            Self::SetClock(_) => "set_clock".into(),
            Self::Wait(_) => "wait".into(),
            Self::Admin(step) => format!("admin {}", step.request()),
            Self::Query(_) => "prometheus".into(),
        }
    }

    /// Whether it needs hosts, if it isn't the same with and without them.
    pub fn needs_hosts(&self) -> Option<bool> {
        match self {
            Self::App(_, AppCommand::SetHostCondition(_)) | Self::Query(_) => Some(true),
            // What is a process elsewhere is a host there, and its memory out of sight.
            Self::App(_, AppCommand::Signal(_) | AppCommand::Restart)
            | Self::Reload(_)
            | Self::SetClock(_)
            | Self::Baseline(_) => Some(false),
            _ => None,
        }
    }

    /// Whether other steps can be taken at the same time.
    fn can_go_on_in_the_background(&self) -> bool {
        matches!(self, Self::Traffic(_) | Self::Wait(_))
    }

    fn read(step: Map<String, Value>) -> Result<Self> {
        // Serde keeps only an error's outermost words, so they name the kind.
        let context = |kind, error| anyhow!("a step of kind {kind}: {error:#}");
        if let Some((kind, read)) = traffic::KINDS.iter().find(|(kind, _)| step.contains_key(*kind))
        {
            let traffic = read(step).map_err(|error| context(*kind, error))?;
            return Ok(Self::Traffic(Box::new(traffic)));
        }
        if let Some((kind, role, read)) = app_command::find(&step) {
            let command = read(step.into()).map_err(|error| context(&kind, error.into()))?;
            return Ok(Self::App(role, command));
        }
        if let Some((kind, read)) = ACTIONS.iter().find(|(kind, _)| step.contains_key(*kind)) {
            return read(step.into()).map_err(|error| context(*kind, error.into()));
        }
        let kinds = traffic::KINDS.iter().map(|(kind, _)| (*kind).to_owned());
        let kinds: Vec<_> = kinds
            .chain(app_command::keys().map(|(key, ..)| key))
            .chain(ACTIONS.iter().map(|(kind, _)| (*kind).to_owned()))
            .collect();
        let keys: Vec<_> = step.keys().map(String::as_str).collect();
        bail!("a step has one of {}, not {}", kinds.join(", "), keys.join(", "))
    }
}

impl TryFrom<Map<String, Value>> for Step {
    type Error = anyhow::Error;

    fn try_from(mut step: Map<String, Value>) -> Result<Self> {
        let mut arrivals = BTreeMap::new();
        for role in Role::ALL {
            arrivals.extend(Arrivals::take(&mut step, role)?.map(|taken| (role, taken)));
        }
        let mut after = Map::new();
        for key in ["metrics", "memory", "series"] {
            after.extend(step.remove_entry(key));
        }
        let after = After { arrivals, ..serde_json::from_value(after.into())? };
        let background = step.remove("background").map(serde_json::from_value::<String>);
        let background = background.transpose()?;
        let action = Action::read(step)?;
        if let Some(name) = &background {
            let kind = action.name();
            ensure!(
                action.can_go_on_in_the_background(),
                "a step of kind {kind} can't go on in the background"
            );
            for (role, arrivals) in &after.arrivals {
                ensure!(
                    arrivals.sees.is_none(),
                    "{name}: {}_sees can't tell the background's requests from others",
                    role.key()
                );
            }
        }
        Ok(Self { action, background, after })
    }
}

impl Step {
    /// The applications that it needs.
    pub fn roles(&self) -> impl Iterator<Item = Role> {
        let commanded = match &self.action {
            Action::App(role, _) => Some(*role),
            _ => None,
        };
        commanded.into_iter().chain(self.after.arrivals.keys().copied())
    }
}

/// Checks that every step has what it needs of those before it.
pub fn check_order(steps: &[Step]) -> Result<()> {
    let mut background = Vec::new();
    let mut baseline = false;
    for Step { action, background: name, after } in steps {
        if let Some(name) = name {
            ensure!(!background.contains(&name), "{name} is in the background already");
            background.push(name);
        }
        match action {
            Action::Join(Join { join }) => {
                let at = background.iter().position(|name| *name == join);
                background.remove(at.with_context(|| format!("no {join} in the background"))?);
            }
            Action::Baseline(_) => baseline = true,
            _ => {}
        }
        let compared = after.memory.is_some() || after.series.is_some();
        ensure!(baseline || !compared, "memory and series are compared with a baseline before");
    }
    Ok(())
}

impl Admin {
    /// The request.
    pub fn request(&self) -> http::Request {
        (&self.admin).into()
    }
}
