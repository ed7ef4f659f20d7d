//! The shipped bridge from MQTT to hubs.

use std::fs::{self, File};
use std::path::PathBuf;
use std::process::{Command, ExitStatus};
use std::time::{Duration, Instant};

use anyhow::{Context, Result, ensure};
use rustix::process::Signal;
use tempfile::TempDir;

use crate::child::Child;
use crate::tools::{self, Tools};

/// A running bridge; it dies when this is dropped.
#[derive(Debug)]
pub struct Bridge {
    home: TempDir,
    child: Child,
}

impl Bridge {
    /// Where it is.
    pub fn path() -> PathBuf {
        tools::envoy_configs().join("mesh/bridges/mqtt_bridge.py")
    }

    /// Starts it with these arguments.
    pub fn start(tools: &Tools, arguments: &[&str]) -> Result<Self> {
        let home = tempfile::tempdir()?;
        let log = File::create(home.path().join("log"))?;
        let mut command = Command::new(tools.python()?);
        command.arg(Self::path()).args(arguments);
        let child = Child::spawn(command.stdout(log.try_clone()?).stderr(log))?;
        Ok(Self { home, child })
    }

    /// What it has logged so far.
    pub fn log(&self) -> Result<String> {
        fs::read_to_string(self.home.path().join("log")).context("the bridge has no log")
    }

    /// How much memory it has, in KiB.
    pub fn memory_kib(&self) -> Result<u64> {
        let status = fs::read_to_string(format!("/proc/{}/status", self.child.id()))?;
        let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:"));
        let figure = line.and_then(|line| line.split_whitespace().next()?.parse().ok());
        figure.context("no VmRSS")
    }

    /// Asks it to end, and says how it ended.
    pub fn stop(&mut self, within: Duration) -> Result<ExitStatus> {
        self.child.signal(Signal::TERM)?;
        let start = Instant::now();
        loop {
            if let Some(status) = self.child.exited()? {
                return Ok(status);
            }
            ensure!(start.elapsed() < within, "it runs on: {}", self.log()?);
            std::thread::sleep(Duration::from_millis(10));
        }
    }
}
