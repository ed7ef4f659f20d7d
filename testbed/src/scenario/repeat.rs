//! Patience.

use std::time::{Duration, Instant};

use anyhow::Result;

use super::span::Span;

/// How often things are looked at again.
const POLL: Duration = Duration::from_millis(30);

/// Calls `attempt` until it finds no fault or the time has run out.
pub async fn repeat<F: Future<Output = Result<Vec<String>>>>(
    within: Option<Span>,
    attempt: impl Fn() -> F,
) -> Result<Vec<String>> {
    let patience = Instant::now() + within.map_or(Duration::ZERO, |span| span.0);
    loop {
        let faults = attempt().await?;
        if faults.is_empty() || Instant::now() >= patience {
            return Ok(faults);
        }
        tokio::time::sleep(POLL).await;
    }
}
