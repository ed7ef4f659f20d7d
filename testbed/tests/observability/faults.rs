//! Faults are collected, so that one run tells all.

use std::time::{Duration, Instant};

use anyhow::{Result, bail};

/// How long the metrics may take to be there: some of them need a few scrapes, others
/// a load that has gone on for a while.
const TIMEOUT: Duration = Duration::from_secs(30);

const POLL: Duration = Duration::from_millis(500);

/// Fails with all `faults`, if there are any.
pub fn none(faults: Vec<String>) -> Result<()> {
    if !faults.is_empty() {
        bail!("{} faults:\n- {}", faults.len(), faults.join("\n- "));
    }
    Ok(())
}

/// Looks for faults until there are none, or no more hope.
pub async fn eventually(look: impl AsyncFnMut() -> Result<Vec<String>>) -> Result<()> {
    within(TIMEOUT, look).await
}

/// The same for what takes so long.
pub async fn within(
    timeout: Duration,
    mut look: impl AsyncFnMut() -> Result<Vec<String>>,
) -> Result<()> {
    let deadline = Instant::now() + timeout;
    loop {
        let faults = look().await?;
        if faults.is_empty() || Instant::now() > deadline {
            return none(faults);
        }
        tokio::time::sleep(POLL).await;
    }
}
