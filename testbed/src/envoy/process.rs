//! A running Envoy.

use std::collections::BTreeMap;
use std::fs::OpenOptions;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::{Command, ExitStatus};
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail};
use rustix::process::Signal;
use tempfile::TempDir;

use super::admin;
use super::dynamic::DynamicFilter;
use crate::child::Child;
use crate::client::http::Request;
use crate::metrics::Metrics;

/// How long an Envoy may take until it serves.
const BOOT_TIMEOUT: Duration = Duration::from_secs(30);

/// How often a booting Envoy is asked whether it serves.
const BOOT_POLL: Duration = Duration::from_millis(15);

/// An Envoy that ended before it served: it refused its configuration.
#[derive(Debug)]
pub struct Refused {
    /// How it ended.
    pub status: ExitStatus,
    /// Its log.
    pub log: String,
}

impl std::fmt::Display for Refused {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Envoy refused to start ({}):\n{}", self.status, self.log)
    }
}

impl std::error::Error for Refused {}

/// A running Envoy; it dies when this is dropped.
#[derive(Debug)]
pub struct Envoy {
    /// Its first listener.
    pub http: SocketAddr,
    /// Its admin interface.
    pub admin: SocketAddr,
    pub(super) listeners: BTreeMap<String, SocketAddr>,
    pub(super) dynamic: Vec<DynamicFilter>,
    child: Child,
    pub(super) home: TempDir,
}

impl Envoy {
    /// The address of the listener called `name`.
    pub fn listener(&self, name: &str) -> Result<SocketAddr> {
        self.listeners.get(name).copied().with_context(|| {
            let known: Vec<_> = self.listeners.keys().map(String::as_str).collect();
            format!("no listener {name:?}; there are {}", known.join(", "))
        })
    }

    /// Everything that it has printed: its log, and access logs on the standard output.
    pub fn log(&self) -> Result<String> {
        read_log(&log_path(self.home.path()))
    }

    /// Where that is being written.
    pub fn log_path(&self) -> PathBuf {
        log_path(self.home.path())
    }

    /// The configuration that it was started with.
    pub fn config_path(&self) -> PathBuf {
        config_path(self.home.path())
    }

    /// Its process id, for the likes of `/proc/<id>/stat`.
    pub fn id(&self) -> u32 {
        self.child.id()
    }

    /// How it ended, or `None` while it runs.
    pub fn exited(&mut self) -> Result<Option<ExitStatus>> {
        self.child.exited()
    }

    /// Sends the process a signal: `STOP` it, let it `CONT`inue, `KILL` it.
    pub fn signal(&self, signal: Signal) -> Result<()> {
        self.child.signal(signal)
    }

    /// Ends it with SIGTERM: open access logs are flushed.
    pub fn stop(self) -> Result<()> {
        self.child.stop(Duration::from_secs(5))
    }

    /// The body of an admin page.
    pub async fn admin_get(&self, path: &str) -> Result<String> {
        admin::ask(self.admin, &Request::new("GET", path)).await
    }

    /// Gives an order, such as `/healthcheck/fail` or `/logging?wasm=debug`.
    pub async fn admin_post(&self, path: &str) -> Result<String> {
        admin::ask(self.admin, &Request::new("POST", path)).await
    }

    /// All metrics, as Prometheus gets them.
    pub async fn prometheus(&self) -> Result<Metrics> {
        Metrics::parse(&self.admin_get("/stats/prometheus").await?)
    }

    /// Starts `command` and waits until all `listeners` are open.
    pub(super) async fn boot(
        command: &mut Command,
        home: TempDir,
        admin: SocketAddr,
        listeners: &[String],
    ) -> Result<Self> {
        // An access log at /dev/stdout is opened anew, and mustn't write over this one.
        let log = OpenOptions::new().create(true).append(true).open(log_path(home.path()))?;
        command.stdout(log.try_clone()?).stderr(log);
        let mut child = Child::spawn(command)?;
        let deadline = Instant::now() + BOOT_TIMEOUT;
        let addresses = loop {
            if let Some(status) = child.exited()? {
                return Err(Refused { status, log: read_log(&log_path(home.path()))? }.into());
            }
            if let Some(addresses) = admin::open_listeners(admin, listeners).await {
                break addresses;
            }
            if Instant::now() > deadline {
                let log = read_log(&log_path(home.path()))?;
                bail!("Envoy doesn't serve after {BOOT_TIMEOUT:?}:\n{log}");
            }
            tokio::time::sleep(BOOT_POLL).await;
        };
        let first = listeners.first().context("the configuration has no listener")?;
        let http = *addresses.get(first).context("the first listener has no address")?;
        Ok(Self { http, admin, listeners: addresses, dynamic: vec![], child, home })
    }
}

/// Where the configuration of an Envoy with this home is.
pub(super) fn config_path(home: &Path) -> PathBuf {
    home.join("envoy.json")
}

fn log_path(home: &Path) -> PathBuf {
    home.join("envoy.log")
}

fn read_log(path: &Path) -> Result<String> {
    let log = std::fs::read(path).with_context(|| format!("can't read {}", path.display()))?;
    Ok(String::from_utf8_lossy(&log).into_owned())
}
