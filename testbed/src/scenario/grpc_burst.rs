//! Many gRPC calls at the same moment, each on a connection of its own.

use std::sync::Arc;

use anyhow::{Result, ensure};
use serde::Deserialize;

use super::burst::all_at_once;
use super::expect::ExpectGrpc;
use super::grpc::Question;
use super::leave::{NOTHING_TO_EXPECT, unless_left};
use super::request::Way;
use super::span::Span;
use super::tally::ExpectMany;
use crate::client::grpc::Tonic;
use crate::client::peer::Peer;

/// The calls of a `burst`, by the tonic client.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct GrpcBurst {
    /// How many.
    pub requests: usize,
    #[serde(flatten)]
    question: Question,
    /// Where to.
    #[serde(flatten)]
    pub way: Way,
    leave_after: Option<Span>,
    #[serde(flatten)]
    expect: ExpectMany<ExpectGrpc>,
}

impl GrpcBurst {
    /// Checks what the types don't.
    pub fn check(&self) -> Result<()> {
        ensure!(self.requests > 0, "a burst of no calls");
        ensure!(self.leave_after.is_none() || self.expect.is_empty(), NOTHING_TO_EXPECT);
        Ok(())
    }

    /// Makes all calls; returns every fault.
    pub async fn run(&self, peer: &Peer) -> Result<Vec<String>> {
        let (call, leave_after) = (Arc::new(self.question.call()), self.leave_after);
        let open = || Tonic::open(peer.clone());
        let answers = all_at_once(self.requests, open, |connection| {
            let call = call.clone();
            async move { unless_left(leave_after, connection.call(&call)).await }
        });
        let answers: Vec<_> = answers.await?.into_iter().flatten().collect();
        // A client that leaves has no answer to compare.
        Ok(if leave_after.is_some() { vec![] } else { self.expect.judge(&answers) })
    }
}
