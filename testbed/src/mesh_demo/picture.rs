//! A picture of the hub's heat map, where there is a browser.

use std::net::SocketAddr;
use std::process::Command;

use anyhow::{Context, Result, bail};

use crate::tools::{self, Tools};

const SCRIPT: &str = "testbed/clients/heatmap.py";

/// The heat map as PNG, or why there is none.
pub async fn of(tools: &Tools, hub: SocketAddr) -> Result<Vec<u8>, String> {
    let tools = tools.clone();
    let taken = tokio::task::spawn_blocking(move || take(&tools, hub)).await;
    let taken = taken.map_err(anyhow::Error::from).and_then(|taken| taken);
    taken.map_err(|error| format!("{error:#}"))
}

fn take(tools: &Tools, hub: SocketAddr) -> Result<Vec<u8>> {
    let home = tempfile::tempdir()?;
    let path = home.path().join("heat-map.png");
    let mut command = Command::new(tools.python()?);
    command.arg(tools::workspace().join(SCRIPT)).args(["--size", "1280x900"]);
    let output = command.arg(format!("http://{hub}/mesh/")).arg(&path).output()?;
    let said = String::from_utf8_lossy(&output.stdout);
    if let Some(why) = said.trim().strip_prefix("skipped: ") {
        bail!("{why}");
    }
    std::fs::read(&path).with_context(|| String::from_utf8_lossy(&output.stderr).into_owned())
}
