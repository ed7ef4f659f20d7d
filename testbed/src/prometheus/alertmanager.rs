//! A real Alertmanager.
//! <https://github.com/prometheus/alertmanager/blob/v0.25.0/api/v2/openapi.yaml>

use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail, ensure};
use serde_json::Value;
use tempfile::TempDir;

use crate::child::Child;
use crate::client::http::{self, Request};
use crate::envoy::port;
use crate::tools::Tools;

/// How long it may take until it is ready.
const BOOT_TIMEOUT: Duration = Duration::from_secs(20);

const BOOT_POLL: Duration = Duration::from_millis(50);

/// A running Alertmanager; it dies when this is dropped.
#[derive(Debug)]
pub struct Alertmanager {
    /// Where it takes alerts.
    pub address: SocketAddr,
    child: Child,
    home: TempDir,
}

impl Alertmanager {
    /// Starts one with this configuration, whose paths are absolute.
    pub async fn start(tools: &Tools, config: &Value) -> Result<Self> {
        let home = tempfile::Builder::new().prefix("testbed-alertmanager-").tempdir()?;
        let path = home.path().join("alertmanager.json");
        std::fs::write(&path, serde_json::to_vec_pretty(config)?)?;
        let address = SocketAddr::from(([127, 0, 0, 1], port::choose()?));
        let log = std::fs::File::create(log_path(home.path()))?;
        let program = std::path::absolute(tools.prometheus("alertmanager")?)?;
        let mut command = Command::new(&program);
        // Debian's looks for its default templates from there (scripts/prometheus.sh).
        command.current_dir(program.parent().context("it has no folder")?);
        command
            .arg(format!("--config.file={}", path.display()))
            .arg(format!("--storage.path={}", home.path().join("data").display()))
            .arg(format!("--web.listen-address={address}"))
            .args(["--cluster.listen-address=", "--log.level=info"])
            .stdout(log.try_clone()?)
            .stderr(log);
        let mut alertmanager = Self { address, child: Child::spawn(&mut command)?, home };
        alertmanager.wait_until_ready().await?;
        Ok(alertmanager)
    }

    /// Tells it alerts: `[{ "labels": {}, "annotations": {}, "endsAt": "…" }]`.
    pub async fn post(&self, alerts: &[Value]) -> Result<()> {
        let mut request = Request::new("POST", "/api/v2/alerts");
        request.headers.push(("content-type".into(), "application/json".into()));
        request.body.push(serde_json::to_vec(alerts)?);
        let answer = http::fetch(self.address, &request).await?;
        ensure!(answer.status == 200, "{}: {}", answer.status, answer.text());
        Ok(())
    }

    /// The alerts that it knows, with their states.
    pub async fn alerts(&self) -> Result<Vec<Value>> {
        let answer = http::fetch(self.address, &Request::new("GET", "/api/v2/alerts")).await?;
        serde_json::from_slice(&answer.body).with_context(|| answer.text())
    }

    /// Everything that it has printed.
    pub fn log(&self) -> Result<String> {
        Ok(std::fs::read_to_string(log_path(self.home.path()))?)
    }

    async fn wait_until_ready(&mut self) -> Result<()> {
        let deadline = Instant::now() + BOOT_TIMEOUT;
        let ready = Request::new("GET", "/-/ready");
        while !http::fetch(self.address, &ready).await.is_ok_and(|answer| answer.status == 200) {
            if let Some(status) = self.child.exited()? {
                bail!("Alertmanager ended ({status}):\n{}", self.log()?);
            }
            ensure!(Instant::now() < deadline, "Alertmanager isn't ready:\n{}", self.log()?);
            tokio::time::sleep(BOOT_POLL).await;
        }
        Ok(())
    }
}

fn log_path(home: &Path) -> PathBuf {
    home.join("alertmanager.log")
}
