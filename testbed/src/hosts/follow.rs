//! A process in the place of a host: it prints what the host prints and ends when the
//! host ends, so that the same code handles both.

use std::io::Write;
use std::process::{Command, ExitCode};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use anyhow::{Context, Result};
use http_body_util::BodyExt;
use hyper::body::Incoming;

use super::frames::Frames;
use super::host::Host;
use super::project::Hosts;
use crate::child::Child;
use crate::tools::Tools;

/// How often a container is asked whether it still runs.
const POLL: Duration = Duration::from_millis(250);

/// How long the last of its output may take.
const LAST_WORDS: Duration = Duration::from_millis(250);

/// Whom to follow.
#[derive(Clone, Debug, clap::Args)]
pub struct Options {
    /// The service.
    service: String,
    /// From when on, in seconds since 1970.
    #[arg(long)]
    since: String,
}

/// Follows a container until it ends, and ends as it did.
pub async fn follow(options: &Options) -> Result<ExitCode> {
    let hosts = Hosts::from_env().context("HEARTBEAT_HOSTS isn't set: there are no hosts")?;
    let host = hosts.host(&options.service).await?;
    let path = format!(
        "/containers/{}/logs?follow=1&stdout=1&stderr=1&since={}",
        host.id(),
        options.since
    );
    let output = hosts.engine.open(&path).await?;
    tokio::select! {
        // Not every engine ends the output with the container.
        ended = wait_for_end(&host) => ended?,
        printed = print(output) => printed?,
    }
    Ok(ExitCode::from(host.exit_code().await?))
}

async fn wait_for_end(host: &Host) -> Result<()> {
    while host.is_running().await? {
        tokio::time::sleep(POLL).await;
    }
    tokio::time::sleep(LAST_WORDS).await;
    Ok(())
}

async fn print(mut output: Incoming) -> Result<()> {
    let mut frames = Frames::default();
    while let Some(frame) = output.frame().await.transpose()? {
        if let Ok(data) = frame.into_data() {
            std::io::stdout().write_all(&frames.push(&data))?;
            std::io::stdout().flush()?;
        }
    }
    Ok(())
}

impl Host {
    /// The command that follows what it prints from `since` on.
    pub fn follower(&self, tools: &Tools, since: SystemTime) -> Command {
        let since = since.duration_since(UNIX_EPOCH).unwrap_or(Duration::ZERO);
        let since = format!("{}.{:09}", since.as_secs(), since.subsec_nanos());
        let mut command = Command::new(tools.testbed());
        command.args(["follow", self.service(), "--since", &since]);
        command
    }

    /// Starts to follow it, for nothing but its end.
    pub fn follow(&self, tools: &Tools) -> Result<Child> {
        let mut command = self.follower(tools, SystemTime::now());
        Child::spawn(command.stdout(std::process::Stdio::null()))
    }
}
