//! The steps that send requests to Envoy.

use anyhow::{Result, ensure};
use serde::Deserialize;
use serde::de::DeserializeOwned;
use serde_json::{Map, Value};

use super::burst::Burst;
use super::expect::Expect;
use super::grpc::Grpc;
use super::grpc_burst::GrpcBurst;
use super::leave::{NOTHING_TO_EXPECT, unless_left};
use super::load::Load;
use super::question::Question;
use super::rate::Rate;
use super::raw::Raw;
use super::repeat::Repetition;
use super::request::{Message, Version, Way};
use super::span::Span;
use crate::client::http;
use crate::client::peer::Peer;
use crate::tools::Tools;

/// Requests to Envoy.
#[derive(Clone, Debug)]
#[allow(missing_docs, reason = "named after its key")]
pub enum Traffic {
    Send(Send),
    Burst(Burst),
    GrpcBurst(GrpcBurst),
    Rate(Rate),
    Load(Load),
    Grpc(Grpc),
    Raw(Raw),
}

/// `send`: an HTTP request.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Send {
    #[serde(default)]
    version: Version,
    #[serde(flatten)]
    message: Message,
    #[serde(flatten)]
    way: Way,
    #[serde(default = "once")]
    times: usize,
    #[serde(flatten)]
    repetition: Repetition,
    leave_after: Option<Span>,
    expect: Option<Expect>,
}

fn once() -> usize {
    1
}

/// Reads one kind of traffic.
type Read = fn(Map<String, Value>) -> Result<Traffic>;

/// The kinds of traffic by their key.
pub const KINDS: [(&str, Read); 6] = [
    ("send", |step| Ok(Traffic::Send(serde_json::from_value(step.into())?))),
    ("burst", |step| {
        if step["burst"].get("grpc").is_some() {
            return below("burst", step).map(Traffic::GrpcBurst);
        }
        below("burst", step).map(Traffic::Burst)
    }),
    ("rate", |step| below("rate", step).map(Traffic::Rate)),
    ("load", |step| below("load", step).map(Traffic::Load)),
    ("grpc", |step| Ok(Traffic::Grpc(serde_json::from_value(step.into())?))),
    ("raw", |step| Ok(Traffic::Raw(serde_json::from_value(step.into())?))),
];

/// Reads what stands below the key `kind`, which has no others beside it.
fn below<T: DeserializeOwned>(kind: &str, mut step: Map<String, Value>) -> Result<T> {
    let plan = step.remove(kind).unwrap_or_default();
    let others: Vec<_> = step.keys().map(String::as_str).collect();
    ensure!(others.is_empty(), "unknown key {} beside it", others.join(", "));
    Ok(serde_json::from_value(plan)?)
}

impl Traffic {
    /// What a report calls it.
    pub fn name(&self) -> String {
        match self {
            Self::Send(step) => step.message.request().to_string(),
            Self::Burst(burst) => format!("burst of {} requests", burst.requests),
            Self::GrpcBurst(burst) => format!("burst of {} calls", burst.requests),
            Self::Rate(rate) => format!("{} requests a second", rate.per_second),
            Self::Load(load) => format!("load of {} requests", load.requests),
            Self::Grpc(step) => step.name(),
            Self::Raw(_) => "raw".into(),
        }
    }

    /// Which way it goes.
    pub fn way(&self) -> &Way {
        match self {
            Self::Send(step) => &step.way,
            Self::Burst(burst) => &burst.way,
            Self::GrpcBurst(burst) => &burst.way,
            Self::Rate(rate) => &rate.way,
            Self::Load(load) => &load.way,
            Self::Grpc(step) => &step.way,
            Self::Raw(raw) => &raw.way,
        }
    }

    /// What is asked, if that is one question, asked once and in one piece.
    pub fn question(&self) -> Option<Question> {
        match self {
            Self::Send(step) => {
                let is_one = step.times == 1 && step.leave_after.is_none();
                let is_one = is_one && !step.repetition.is_asked_for();
                let request = step.message.request();
                let is_whole = request.body.len() <= 1;
                (is_one && is_whole).then(|| Question::Http(request, step.version.into()))
            }
            Self::Grpc(step) => step.question().map(Question::Grpc),
            _ => None,
        }
    }

    /// Checks what the types don't.
    pub fn check(&self) -> Result<()> {
        match self {
            Self::Send(step) => step.check(),
            Self::Burst(burst) => burst.check(),
            Self::GrpcBurst(burst) => burst.check(),
            Self::Rate(rate) => rate.check(),
            Self::Load(load) => load.check(),
            Self::Grpc(step) => step.check(),
            Self::Raw(raw) => raw.check(),
        }
    }

    /// Sends it; returns every fault.
    pub async fn run(&self, peer: &Peer, tools: &Tools) -> Result<Vec<String>> {
        match self {
            Self::Send(step) => step.repetition.repeat(|| step.run(peer)).await,
            Self::Burst(burst) => burst.run(peer).await,
            Self::GrpcBurst(burst) => burst.run(peer).await,
            Self::Rate(rate) => Ok(rate.run(peer).await),
            Self::Load(load) => Ok(load.run(peer).await),
            Self::Grpc(step) => step.run(peer, tools).await,
            Self::Raw(raw) => raw.run(peer).await,
        }
    }
}

impl Send {
    fn check(&self) -> Result<()> {
        self.message.check()?;
        ensure!(
            self.leave_after.is_none()
                || (self.expect.is_none() && !self.repetition.is_asked_for()),
            NOTHING_TO_EXPECT
        );
        Ok(())
    }

    async fn run(&self, peer: &Peer) -> Result<Vec<String>> {
        let request = self.message.request();
        let expect = self.expect.clone().unwrap_or_default();
        let mut faults = Vec::new();
        for _ in 0..self.times {
            let exchange = http::fetch_as(self.version.into(), peer.clone(), &request);
            let answer = unless_left(self.leave_after, exchange).await;
            faults.extend(answer.iter().flat_map(|answer| expect.faults(answer)));
        }
        Ok(faults)
    }
}
