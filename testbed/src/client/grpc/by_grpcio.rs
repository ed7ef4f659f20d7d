//! The client by grpcio, the C core, in a process of its own.

use std::time::Duration;

use anyhow::{Context, Result, bail};
use serde::Deserialize;
use serde_json::json;
use tokio::process::Command;

use super::call::{Answer, Call};
use super::command::output;
use crate::client::peer::Peer;
use crate::client::tls::SERVER;
use crate::tools::{self, Tools};

const SCRIPT: &str = "testbed/clients/grpcio_health.py";

/// What the script reports.
#[derive(Deserialize)]
struct Report {
    elapsed_ms: u64,
    #[serde(flatten)]
    answer: Answer,
}

/// Makes a call with grpcio.
pub async fn by_grpcio(tools: &Tools, peer: &Peer, call: &Call) -> Result<Answer> {
    let tls = peer
        .tls
        .as_ref()
        .map(|tls| json!({ "server": SERVER, "authority": tls.authority, "shown": tls.shown }));
    let mut command = Command::new(tools.python()?);
    command.arg(tools::workspace().join(SCRIPT)).arg(peer.address.to_string());
    command.arg(serde_json::to_string(call)?).arg(serde_json::to_string(&tls)?);
    let output = output(&mut command, "the grpcio client").await?;
    if !output.status.success() {
        bail!("the grpcio client failed:\n{}", String::from_utf8_lossy(&output.stderr));
    }
    let report: Report =
        serde_json::from_slice(&output.stdout).context("the grpcio client's report")?;
    Ok(Answer { elapsed: Duration::from_millis(report.elapsed_ms), ..report.answer })
}
