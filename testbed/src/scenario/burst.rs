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
use super::tally::{ExpectMany, Tally};
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
    expect: ExpectMany,
}

impl Burst {
    /// Checks what the types don't.
    pub fn check(&self) -> Result<()> {
        ensure!(self.requests > 0, "a burst of no requests");
        ensure!(self.leave_after.is_none() || self.expect.is_empty(), NOTHING_TO_EXPECT);
        Ok(())
    }

    /// Sends all requests; returns every fault.
    pub async fn run(&self, peer: &Peer) -> Result<Vec<String>> {
        let connections = self.connect(peer).await?;
        let request = Arc::new(self.message.request());
        let leave_after = self.leave_after;
        let mut exchanges = JoinSet::new();
        for mut connection in connections {
            let request = request.clone();
            exchanges
                .spawn(async move { unless_left(leave_after, connection.send(&request)).await });
        }
        let mut tally = Tally::default();
        // Whoever leaves doesn't care what was to come.
        let each = if leave_after.is_some() { Expect::default() } else { self.expect.each() };
        for answer in exchanges.join_all().await.into_iter().flatten() {
            tally.note(&answer, &each);
        }
        Ok(self.expect.faults(&tally))
    }

    async fn connect(&self, peer: &Peer) -> Result<Vec<Connection>> {
        let turns = Arc::new(Semaphore::new(OPENING));
        let version = self.version.into();
        let mut opening = JoinSet::new();
        for _ in 0..self.requests {
            let (peer, turns) = (peer.clone(), turns.clone());
            opening.spawn(async move {
                let _turn = turns.acquire().await?;
                Connection::open(version, peer).await
            });
        }
        opening.join_all().await.into_iter().collect()
    }
}
