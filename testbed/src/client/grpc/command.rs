//! Clients that are commands.

use anyhow::{Context, Result};
use tokio::process::Command;

use super::call::TIMEOUT;

/// Lets a client in a process of its own make a call, and returns what it printed.
pub(super) async fn output(command: &mut Command, client: &str) -> Result<std::process::Output> {
    tokio::time::timeout(TIMEOUT, command.kill_on_drop(true).output())
        .await
        .with_context(|| format!("no end of {client} within {TIMEOUT:?}"))?
        .with_context(|| format!("can't run {client}"))
}
