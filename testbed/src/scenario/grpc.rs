//! A call of the gRPC health protocol, by a client of one's choice.

use anyhow::{Result, ensure};
use serde::Deserialize;

use super::expect::ExpectGrpc;
use super::leave::{NOTHING_TO_EXPECT, unless_left};
use super::repeat::Repetition;
use super::request::{Headers, Way, pairs};
use super::span::Span;
use crate::client::grpc::{self, Method};
use crate::client::peer::Peer;
use crate::client::tls::Identity;
use crate::tools::Tools;

/// `grpc`: a call on a connection of its own.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Grpc {
    #[serde(flatten)]
    question: Question,
    #[serde(default)]
    client: Client,
    /// Where to.
    #[serde(flatten)]
    pub way: Way,
    #[serde(flatten)]
    repetition: Repetition,
    leave_after: Option<Span>,
    health_checked: Option<Span>,
    expect: Option<ExpectGrpc>,
}

/// What is asked; part of every step that makes gRPC calls.
///
/// Serde checks for unknown keys where this is flattened into.
#[derive(Clone, Debug, Deserialize)]
pub struct Question {
    grpc: Method,
    #[serde(default)]
    service: String,
    deadline: Option<Span>,
    #[serde(default)]
    headers: Headers,
    #[serde(default = "once")]
    messages: usize,
}

/// The gRPC client to use.
#[derive(Clone, Copy, Debug, Default, PartialEq, Deserialize)]
#[serde(rename_all = "snake_case")]
enum Client {
    #[default]
    Tonic,
    Grpcio,
    GrpcHealthProbe,
}

fn once() -> usize {
    1
}

impl Question {
    /// The call.
    pub fn call(&self) -> grpc::Call {
        grpc::Call {
            method: self.grpc,
            service: self.service.clone(),
            deadline: self.deadline.map(|deadline| deadline.0),
            metadata: pairs(&self.headers),
            messages: self.messages,
            health_checked: None,
        }
    }
}

impl Grpc {
    /// What a report calls it.
    pub fn name(&self) -> String {
        format!("gRPC {:?} by {:?}", self.question.grpc, self.client)
    }

    /// The call, if it is one by a client that adds nothing to it, made once.
    pub fn question(&self) -> Option<grpc::Call> {
        let is_plain = self.leave_after.is_none() && self.health_checked.is_none();
        (is_plain && !self.repetition.is_asked_for()).then(|| self.question.call())
    }

    /// Checks what the types don't.
    pub fn check(&self) -> Result<()> {
        ensure!(
            self.leave_after.is_none()
                || (self.expect.is_none() && !self.repetition.is_asked_for()),
            NOTHING_TO_EXPECT
        );
        ensure!(
            self.client == Client::Tonic || (self.leave_after.is_none() && self.way.from.is_none()),
            "only the tonic client knows leave_after and from"
        );
        ensure!(
            self.client == Client::Grpcio || self.health_checked.is_none(),
            "only the grpcio client knows health_checked"
        );
        let shows = matches!(self.way.r#as, Some(Identity::Uri(_)));
        let asks_more = self.question.grpc != Method::Check || !self.question.headers.is_empty();
        ensure!(
            self.client != Client::GrpcHealthProbe || !(shows || asks_more),
            "grpc_health_probe knows Check, but no headers and no certificate of its own"
        );
        Ok(())
    }

    /// Makes the call; returns every fault.
    pub async fn run(&self, peer: &Peer, tools: &Tools) -> Result<Vec<String>> {
        self.repetition.repeat(|| self.attempt(peer, tools)).await
    }

    async fn attempt(&self, peer: &Peer, tools: &Tools) -> Result<Vec<String>> {
        let health_checked = self.health_checked.map(|span| span.0);
        let call = grpc::Call { health_checked, ..self.question.call() };
        let answer = match self.client {
            Client::Tonic => {
                unless_left(self.leave_after, grpc::by_tonic(peer.clone(), &call)).await
            }
            Client::Grpcio => Some(grpc::by_grpcio(tools, peer, &call).await),
            Client::GrpcHealthProbe => Some(grpc::by_probe(tools, peer, &call).await),
        };
        let answer = answer.transpose()?;
        let expected = self.expect.iter().zip(&answer);
        Ok(expected.flat_map(|(expect, answer)| expect.faults(answer)).collect())
    }
}
