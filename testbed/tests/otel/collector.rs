//! A collector as a process (testbed/controlplanes/otel).

use std::net::SocketAddr;
use std::path::PathBuf;
use std::process::{Command, Output};

use anyhow::{Context, Result};
use serde_json::Value;
use tempfile::TempDir;
use testbed::child::Child;
use testbed::client::http::{self, Request};
use testbed::tools::Tools;

/// A running collector; it dies when this is dropped.
pub struct Collector {
    health: SocketAddr,
    child: Child,
    home: TempDir,
}

impl Collector {
    /// Starts one with these configurations, each over those before it, and these variables
    /// of its environment; waits until its `health_check` at `health` is content.
    pub async fn start(
        tools: &Tools,
        configs: &[Value],
        health: SocketAddr,
        variables: &[(&str, &str)],
    ) -> Result<Self> {
        let home = tempfile::Builder::new().prefix("testbed-otelcol-").tempdir()?;
        let mut command = Command::new(tools.otelcol()?);
        for (at, config) in configs.iter().enumerate() {
            let path = home.path().join(format!("{at}.json"));
            std::fs::write(&path, serde_json::to_vec_pretty(config)?)?;
            command.arg("--config").arg(path);
        }
        let log = std::fs::File::create(home.path().join("log"))?;
        command.envs(variables.iter().copied()).stdout(log.try_clone()?).stderr(log);
        let child = Child::spawn(&mut command)?;
        let mut collector = Self { health, child, home };
        crate::eventually(async || collector.unready().await).await?;
        Ok(collector)
    }

    async fn unready(&mut self) -> Result<Vec<String>> {
        if let Some(status) = self.child.exited()? {
            anyhow::bail!("the collector ended ({status}):\n{}", self.log()?);
        }
        let ready = self.is_healthy().await;
        Ok(if ready { vec![] } else { vec![format!("it isn't ready:\n{}", self.log()?)] })
    }

    /// What its `health_check` says.
    pub async fn is_healthy(&self) -> bool {
        let answer = http::fetch(self.health, &Request::new("GET", "/")).await;
        answer.is_ok_and(|answer| answer.status == 200)
    }

    /// Everything that it has printed.
    pub fn log(&self) -> Result<String> {
        std::fs::read_to_string(self.home.path().join("log")).context("it has no log")
    }
}

/// What `otelcol validate` says of these files.
pub fn validate(files: &[PathBuf], variables: &[(&str, &str)]) -> Result<Output> {
    let mut command = Command::new(crate::tools().otelcol()?);
    command.arg("validate").envs(variables.iter().copied());
    for file in files {
        command.arg("--config").arg(file);
    }
    command.output().context("can't run the collector")
}
