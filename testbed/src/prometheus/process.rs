//! Prometheus as a process, or on a host of its own.

use std::net::SocketAddr;
use std::ops::Deref;
use std::path::{Path, PathBuf};
use std::process::{Command, ExitStatus};
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail, ensure};
use tempfile::TempDir;

use super::api::Api;
use super::config::{self, Jobs, shipped};
use crate::child::Child;
use crate::client::http::{self, Request};
use crate::envoy::port;
use crate::hosts::{Host, Network};
use crate::tools::Tools;

/// How long it may take until it is ready.
const BOOT_TIMEOUT: Duration = Duration::from_secs(20);

/// The port of one with a host of its own.
const HOST_PORT: u16 = 9090;

const BOOT_POLL: Duration = Duration::from_millis(50);

/// A running Prometheus, and its API; it dies when this is dropped.
#[derive(Debug)]
pub struct Prometheus {
    address: SocketAddr,
    api: Api,
    child: Child,
    home: TempDir,
}

impl Prometheus {
    /// Starts one with the shipped configuration and rules, which scrapes the
    /// admin interface `envoy` every second.
    pub async fn start(tools: &Tools, envoy: SocketAddr) -> Result<Self> {
        let home = home()?;
        let config = config::write(&shipped(), home.path(), envoy)?;
        Self::launch(tools, home, &config, port::choose()?).await
    }

    /// Starts one with the shipped rules, but with short windows, that scrapes the admin
    /// interfaces of all `jobs` every second; at `preferred` where that port is free.
    pub async fn start_short(tools: &Tools, jobs: &Jobs, preferred: Option<u16>) -> Result<Self> {
        let home = home()?;
        let config = config::write_short(&shipped(), home.path(), jobs)?;
        let port = preferred.filter(|port| port::is_free(*port));
        Self::launch(tools, home, &config, port.map_or_else(port::choose, Ok)?).await
    }

    /// Starts it with a configuration that is at `config`.
    async fn launch(tools: &Tools, home: TempDir, config: &Path, port: u16) -> Result<Self> {
        let address = SocketAddr::from(([127, 0, 0, 1], port));
        let log = std::fs::File::create(log_path(home.path()))?;
        let mut command = Command::new(tools.prometheus("prometheus")?);
        command
            .arg(format!("--config.file={}", config.display()))
            .arg(format!("--storage.tsdb.path={}", home.path().join("data").display()))
            .arg(format!("--web.listen-address={address}"))
            .arg("--log.level=warn")
            .stdout(log.try_clone()?)
            .stderr(log);
        let child = Child::spawn(&mut command)?;
        let mut prometheus = Self { address, api: api(address)?, child, home };
        prometheus.wait_until_ready().await?;
        Ok(prometheus)
    }

    /// The one that runs on `host`.
    pub async fn on_host(host: &Host, tools: &Tools) -> Result<Self> {
        let address = SocketAddr::new(host.address(Network::Edge).await?, HOST_PORT);
        let home = tempfile::tempdir().context("no temporary directory")?;
        std::fs::File::create(log_path(home.path()))?;
        let child = host.follow(tools)?;
        let mut prometheus = Self { address, api: api(address)?, child, home };
        prometheus.wait_until_ready().await?;
        Ok(prometheus)
    }

    async fn wait_until_ready(&mut self) -> Result<()> {
        let deadline = Instant::now() + BOOT_TIMEOUT;
        while !self.is_ready().await {
            if let Some(status) = self.child.exited()? {
                bail!("Prometheus ended ({status}):\n{}", self.log()?);
            }
            ensure!(
                Instant::now() < deadline,
                "Prometheus isn't ready after {BOOT_TIMEOUT:?}:\n{}",
                self.log()?
            );
            tokio::time::sleep(BOOT_POLL).await;
        }
        Ok(())
    }

    /// Whether it answers queries.
    async fn is_ready(&self) -> bool {
        let answer = http::fetch(self.address, &Request::new("GET", "/-/ready")).await;
        answer.is_ok_and(|answer| answer.status == 200)
    }

    /// Where it answers.
    pub fn url(&self) -> String {
        format!("http://{}", self.address)
    }

    /// How it ended, or `None` while it runs.
    pub fn exited(&mut self) -> Result<Option<ExitStatus>> {
        self.child.exited()
    }

    /// Everything that it has printed.
    pub fn log(&self) -> Result<String> {
        let path = log_path(self.home.path());
        std::fs::read_to_string(&path).with_context(|| format!("can't read {}", path.display()))
    }
}

fn home() -> Result<TempDir> {
    let mut builder = tempfile::Builder::new();
    builder.prefix("testbed-prometheus-").tempdir().context("no temporary directory")
}

impl Deref for Prometheus {
    type Target = Api;

    fn deref(&self) -> &Api {
        &self.api
    }
}

fn api(address: SocketAddr) -> Result<Api> {
    Api::at(&format!("http://{address}"))
}

fn log_path(home: &Path) -> PathBuf {
    home.join("prometheus.log")
}
