//! Many requests at the same moment, each on a connection of its own.

use std::sync::Arc;

use anyhow::{Result, ensure};
use serde::Deserialize;
use tokio::sync::Semaphore;
use tokio::task::JoinSet;

use super::expect::Expect;
use super::leave::{NOTHING_TO_EXPECT, unless_left};
use super::request::{Message, Version, Way};
use super::span::Span;
use super::tally::ExpectMany;
use crate::client::connection::Connection;
use crate::client::peer::Peer;

/// Connections that are being opened at the same time: few enough for any
/// listener's backlog, which drops what it can't hold.
const OPENING: usize = 100;

/// The requests of a `burst`.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Burst {
    /// How many.
    pub requests: usize,
    #[serde(default)]
    version: Version,
    #[serde(flatten)]
    message: Message,
    /// Where to.
    #[serde(flatten)]
    pub way: Way,
    leave_after: Option<Span>,
    #[serde(flatten)]
    expect: ExpectMany<Expect>,
}

impl Burst {
    /// Checks what the types don't.
    pub fn check(&self) -> Result<()> {
        self.message.check()?;
        ensure!(self.requests > 0, "a burst of no requests");
        ensure!(self.leave_after.is_none() || self.expect.is_empty(), NOTHING_TO_EXPECT);
        Ok(())
    }

    /// Sends all requests; returns every fault.
    pub async fn run(&self, peer: &Peer) -> Result<Vec<String>> {
        let (request, version) = (Arc::new(self.message.request()), self.version.into());
        let leave_after = self.leave_after;
        let open = || Connection::open(version, peer.clone());
        let answers = all_at_once(self.requests, open, |mut connection| {
            let request = request.clone();
            async move { unless_left(leave_after, connection.send(&request)).await }
        });
        let answers: Vec<_> = answers.await?.into_iter().flatten().collect();
        // A client that leaves has no answer to compare.
        Ok(if leave_after.is_some() { vec![] } else { self.expect.judge(&answers) })
    }
}

/// Opens so many connections, and begins so many exchanges once all are open.
pub async fn all_at_once<C, A, Opening, Exchange>(
    requests: usize,
    open: impl Fn() -> Opening,
    exchange: impl Fn(C) -> Exchange,
) -> Result<Vec<A>>
where
    C: Send + 'static,
    A: Send + 'static,
    Opening: Future<Output = Result<C>> + Send + 'static,
    Exchange: Future<Output = A> + Send + 'static,
{
    let turns = Arc::new(Semaphore::new(OPENING));
    let mut opening = JoinSet::new();
    for _ in 0..requests {
        let (connection, turns) = (open(), turns.clone());
        opening.spawn(async move {
            let _turn = turns.acquire().await?;
            connection.await
        });
    }
    let connections: Vec<C> = opening.join_all().await.into_iter().collect::<Result<_>>()?;
    let mut exchanges = JoinSet::new();
    for connection in connections {
        exchanges.spawn(exchange(connection));
    }
    Ok(exchanges.join_all().await)
}
