//! The steps of a scenario as they are written.

use std::collections::BTreeMap;

use anyhow::{Context, Result, anyhow, bail};
use base64::Engine;
use base64::prelude::BASE64_STANDARD;
use serde::Deserialize;
use serde_json::{Map, Value};

use super::expect::{Expect, ExpectGrpc, ExpectSeen};
use super::pattern::OneOrMany;
use super::span::{Amount, Limits, Span};
use crate::app::behaviour::{Deviation, ServingStatus};
use crate::client::{grpc, http};

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
    Send(Send),
    Grpc(Grpc),
    Load(Load),
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

/// `send`: an HTTP request.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Send {
    send: RequestLine,
    #[serde(default)]
    version: Version,
    #[serde(default)]
    headers: Headers,
    body: Option<String>,
    body_base64: Option<Base64>,
    pub(super) to: Option<String>,
    #[serde(default = "once")]
    pub(super) times: usize,
    pub(super) within: Option<Span>,
    #[serde(default)]
    pub(super) expect: Expect,
}

/// `grpc`: a call of the gRPC health protocol.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Grpc {
    grpc: grpc::Method,
    #[serde(default)]
    pub(super) client: Client,
    #[serde(default)]
    service: String,
    deadline: Option<Span>,
    #[serde(default)]
    headers: Headers,
    #[serde(default = "once")]
    messages: usize,
    pub(super) to: Option<String>,
    pub(super) within: Option<Span>,
    #[serde(default)]
    pub(super) expect: ExpectGrpc,
}

/// `load`: many requests at once.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Load {
    pub(super) load: LoadPlan,
}

/// The requests of a `load`.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct LoadPlan {
    pub(super) requests: usize,
    pub(super) connections: usize,
    #[serde(default)]
    pub(super) version: Version,
    pub(super) to: Option<String>,
    pub(super) took: Option<Limits<Span>>,
    pub(super) mix: Vec<LoadEntry>,
}

/// One kind of request of a `load`.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct LoadEntry {
    #[serde(default = "once")]
    pub(super) weight: usize,
    send: RequestLine,
    #[serde(default)]
    headers: Headers,
    body: Option<String>,
    #[serde(default = "Expect::ok")]
    pub(super) expect: Expect,
}

/// `set_app`: another behaviour of the application.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct SetApp {
    pub(super) set_app: BTreeMap<String, Deviation>,
    #[serde(default)]
    pub(super) grpc_services: BTreeMap<String, ServingStatus>,
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

/// The HTTP version to speak.
#[derive(Clone, Copy, Debug, Default, Deserialize)]
#[allow(missing_docs)]
pub enum Version {
    #[default]
    #[serde(rename = "1.1")]
    Http1,
    #[serde(rename = "2")]
    Http2,
}

/// The gRPC client to use.
#[derive(Clone, Copy, Debug, Default, Deserialize)]
#[serde(rename_all = "snake_case")]
#[allow(missing_docs)]
pub enum Client {
    #[default]
    Tonic,
    Grpcio,
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

/// `METHOD target`.
#[derive(Clone, Debug, Deserialize)]
#[serde(try_from = "String")]
pub struct RequestLine {
    /// The method.
    pub method: String,
    /// The path with its query.
    pub target: String,
}

/// Bytes written in base64.
#[derive(Clone, Debug, PartialEq, Deserialize)]
#[serde(try_from = "String")]
pub struct Base64(pub Vec<u8>);

/// Headers to be sent.
type Headers = BTreeMap<String, OneOrMany<String>>;

fn once() -> usize {
    1
}

impl Action {
    /// What a report calls it.
    pub fn name(&self) -> String {
        match self {
            Self::Send(step) => step.request().to_string(),
            Self::Grpc(step) => format!("gRPC {:?} by {:?}", step.grpc, step.client),
            Self::Load(step) => format!("load of {} requests", step.load.requests),
            Self::SetApp(_) => "set_app".into(),
            Self::SignalApp(_) => "signal_app".into(),
            Self::Wait(_) => "wait".into(),
            Self::Admin(step) => format!("admin {}", step.request()),
        }
    }
}

impl TryFrom<Map<String, Value>> for Step {
    type Error = anyhow::Error;

    fn try_from(mut told: Map<String, Value>) -> Result<Self> {
        let mut after = Map::new();
        for key in ["app_sees", "app_counts", "metrics"] {
            after.extend(told.remove_entry(key));
        }
        let after = serde_json::from_value(after.into())?;
        let verbs = ["send", "grpc", "load", "set_app", "signal_app", "wait", "admin"];
        let Some(verb) = verbs.into_iter().find(|verb| told.contains_key(*verb)) else {
            let keys: Vec<_> = told.keys().map(String::as_str).collect();
            bail!("a step has one of {}, not {}", verbs.join(", "), keys.join(", "));
        };
        let told = Value::from(told);
        let action = match verb {
            "send" => serde_json::from_value(told).map(Action::Send),
            "grpc" => serde_json::from_value(told).map(Action::Grpc),
            "load" => serde_json::from_value(told).map(Action::Load),
            "set_app" => serde_json::from_value(told).map(Action::SetApp),
            "signal_app" => serde_json::from_value(told).map(Action::SignalApp),
            "wait" => serde_json::from_value(told).map(Action::Wait),
            _ => serde_json::from_value(told).map(Action::Admin),
        };
        // Serde keeps only an error's outermost words.
        let action = action.map_err(|error| anyhow!("a step of kind {verb}: {error}"))?;
        Ok(Self { action, after })
    }
}

impl TryFrom<String> for RequestLine {
    type Error = anyhow::Error;

    fn try_from(line: String) -> Result<Self> {
        let (method, target) =
            line.split_once(' ').with_context(|| format!("{line:?} is not METHOD target"))?;
        Ok(Self { method: method.into(), target: target.into() })
    }
}

impl TryFrom<String> for Base64 {
    type Error = base64::DecodeError;

    fn try_from(text: String) -> Result<Self, Self::Error> {
        BASE64_STANDARD.decode(text).map(Self)
    }
}

impl From<Version> for http::Version {
    fn from(version: Version) -> Self {
        match version {
            Version::Http1 => Self::Http1,
            Version::Http2 => Self::Http2,
        }
    }
}

impl Send {
    /// The request.
    pub fn request(&self) -> http::Request {
        let base64 = self.body_base64.as_ref().map(|body| body.0.clone());
        let text = self.body.as_ref().map(|body| body.clone().into_bytes());
        request(&self.send, &self.headers).body(base64.or(text).unwrap_or_default())
    }

    /// The version of HTTP to speak.
    pub fn version(&self) -> http::Version {
        self.version.into()
    }
}

impl LoadEntry {
    /// The request.
    pub fn request(&self) -> http::Request {
        request(&self.send, &self.headers).body(self.body.clone().unwrap_or_default())
    }
}

impl Admin {
    /// The request.
    pub fn request(&self) -> http::Request {
        request(&self.admin, &Headers::new())
    }
}

impl Grpc {
    /// The call.
    pub fn call(&self) -> grpc::Call {
        grpc::Call {
            method: self.grpc,
            service: self.service.clone(),
            deadline: self.deadline.map(|deadline| deadline.0),
            metadata: pairs(&self.headers),
            messages: self.messages,
        }
    }
}

fn request(line: &RequestLine, headers: &Headers) -> http::Request {
    http::Request { headers: pairs(headers), ..http::Request::new(&line.method, &line.target) }
}

fn pairs(headers: &Headers) -> Vec<(String, String)> {
    headers
        .iter()
        .flat_map(|(name, values)| {
            values.as_slice().iter().map(|value| (name.clone(), value.clone()))
        })
        .collect()
}
