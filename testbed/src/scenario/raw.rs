//! Bytes instead of requests: half-sent ones, slow clients, anything odd.

use std::time::Duration;

use anyhow::{Result, ensure};
use serde::Deserialize;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::time::{Instant, timeout_at};

use super::leave::{NOTHING_TO_EXPECT, unless_left};
use super::pattern::{OneOrMany, Pattern, cut};
use super::request::Way;
use super::span::Span;
use crate::client::peer::Peer;
use crate::latin1;

/// How long an answer is waited for after the last byte was sent, where the step says nothing.
const READ_FOR: Span = Span(Duration::from_millis(500));

/// `raw`: bytes on a connection of their own.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Raw {
    raw: OneOrMany<String>,
    pause: Option<Span>,
    /// Where to.
    #[serde(flatten)]
    pub way: Way,
    #[serde(default = "read_for")]
    read_for: Span,
    leave_after: Option<Span>,
    expect: Option<ExpectRaw>,
}

/// What is expected to come back; what isn't said may be anything.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct ExpectRaw {
    text: Option<Pattern>,
    closed: Option<bool>,
}

/// What came back.
struct Answer {
    text: String,
    /// Whether the peer has closed the connection.
    closed: bool,
}

fn read_for() -> Span {
    READ_FOR
}

impl Raw {
    /// Checks what the types don't.
    pub fn check(&self) -> Result<()> {
        ensure!(self.leave_after.is_none() || self.expect.is_none(), NOTHING_TO_EXPECT);
        Ok(())
    }

    /// Sends the bytes; returns every fault.
    pub async fn run(&self, peer: &Peer) -> Result<Vec<String>> {
        let answer = unless_left(self.leave_after, self.exchange(peer)).await.transpose()?;
        let expected = self.expect.iter().zip(&answer);
        Ok(expected.flat_map(|(expect, answer)| expect.faults(answer)).collect())
    }

    async fn exchange(&self, peer: &Peer) -> Result<Answer> {
        let mut stream = peer.connect(None).await?;
        for (number, chunk) in self.raw.as_slice().iter().enumerate() {
            if let Some(pause) = self.pause.filter(|_| number > 0) {
                tokio::time::sleep(pause.0).await;
            }
            let sent = stream.write_all(&latin1::encode(chunk)?).await;
            // A peer that has read enough may still have said why.
            if sent.and(stream.flush().await).is_err() {
                break;
            }
        }
        // A client that will leave stays silent until then.
        let wait = self.leave_after.unwrap_or(self.read_for);
        let until = Instant::now() + wait.0;
        let (mut bytes, mut closed) = (Vec::new(), false);
        while let Ok(read) = timeout_at(until, stream.read_buf(&mut bytes)).await {
            // A reset is an end too.
            closed = read.unwrap_or(0) == 0;
            if closed {
                break;
            }
        }
        Ok(Answer { text: latin1::decode(&bytes), closed })
    }
}

impl ExpectRaw {
    fn faults(&self, answer: &Answer) -> Vec<String> {
        let mut faults = Vec::new();
        if let Some(text) = self.text.as_ref().filter(|text| !text.is(&answer.text)) {
            faults.push(format!("text: expected {text}, got {}", cut(&answer.text)));
        }
        if let Some(closed) = self.closed.filter(|closed| *closed != answer.closed) {
            faults.push(format!("closed: expected {closed}, got {}", answer.closed));
        }
        faults
    }
}
