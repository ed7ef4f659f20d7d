//! The application as a child process, and its control port from outside.

use std::collections::BTreeMap;
use std::io::{BufRead, BufReader};
use std::net::SocketAddr;
use std::process::{Command, ExitStatus, Stdio};
use std::time::{Duration, Instant};

use anyhow::{Context, Result, ensure};
use rustix::process::Signal;
use serde::de::DeserializeOwned;

use super::addresses::Addresses;
use super::behaviour::Behaviour;
use super::record::Seen;
use crate::child::Child;
use crate::client::http::{self, Request};
use crate::hosts::{Condition, Host, Network};
use crate::tools::Tools;

/// How long a restarted application tries to get its ports back.
const BIND_TIMEOUT: Duration = Duration::from_secs(5);

/// The ports of an application with a host of its own, as `testbed/compose.yaml` has them.
pub const HOST_PORTS: Ports = Ports { http: 8080, grpc: 8081, control: 8082 };

/// The ports of an application.
#[derive(Clone, Copy, Debug)]
#[allow(missing_docs, reason = "named after what they are for")]
pub struct Ports {
    pub http: u16,
    pub grpc: u16,
    pub control: u16,
}

/// How often it tries.
const BIND_POLL: Duration = Duration::from_millis(50);

/// A running application; it dies when this is dropped.
#[derive(Debug)]
pub struct Application {
    /// Where it listens.
    pub addresses: Addresses,
    child: Child,
    /// The host that is its own, if it has one: the child follows that, then.
    host: Option<Host>,
}

impl Application {
    /// Starts it on free ports of the loopback interface.
    pub fn start(tools: &Tools) -> Result<Self> {
        Self::by(Command::new(tools.testbed()).arg("app"))
    }

    /// Starts it by a command that comes down to `testbed app`.
    pub fn by(command: &mut Command) -> Result<Self> {
        let mut child = Child::spawn(command.stdout(Stdio::piped()))?;
        let mut line = String::new();
        let stdout = child.take_stdout().context("the application's output isn't piped")?;
        BufReader::new(stdout).read_line(&mut line)?;
        let addresses = serde_json::from_str(&line)
            .with_context(|| format!("the application printed no addresses, but {line:?}"))?;
        Ok(Self { addresses, child, host: None })
    }

    /// Kills it if it still runs, and starts it again on the same ports. It has
    /// forgotten everything.
    pub async fn restart(&mut self, tools: &Tools) -> Result<()> {
        let Addresses { http, grpc, control } = self.addresses;
        let mut command = Command::new(tools.testbed());
        command.arg("app").args(["--bind", &http.ip().to_string()]);
        for (option, address) in
            [("--http-port", http), ("--grpc-port", grpc), ("--control-port", control)]
        {
            command.args([option, &address.port().to_string()]);
        }
        self.child.kill()?;
        let deadline = Instant::now() + BIND_TIMEOUT;
        // While it was gone, a connection may have been given one of its ports.
        while let Err(error) = Self::by(&mut command).map(|started| *self = started) {
            if Instant::now() > deadline {
                return Err(error);
            }
            tokio::time::sleep(BIND_POLL).await;
        }
        Ok(())
    }

    /// Takes over the one that runs on `host`, and makes that well.
    pub async fn on_host(host: Host, tools: &Tools) -> Result<Self> {
        host.set_condition(Condition::Well).await?;
        let addresses = addresses_on(&host).await?;
        let mut application = Self { addresses, child: host.follow(tools)?, host: Some(host) };
        application.wait_for_control().await?;
        Ok(application)
    }

    /// Brings its host into a condition. One that was stopped has forgotten everything.
    pub async fn set_host_condition(&mut self, condition: Condition, tools: &Tools) -> Result<()> {
        let host = self.host.as_ref().context("the application has no host of its own")?;
        let ran = host.is_running().await?;
        host.set_condition(condition).await?;
        if !matches!(condition, Condition::Stopped | Condition::Paused) {
            self.addresses = addresses_on(host).await?;
            if !ran {
                self.child = host.follow(tools)?;
            }
            self.wait_for_control().await?;
        }
        Ok(())
    }

    /// A container runs before what is in it listens.
    async fn wait_for_control(&mut self) -> Result<()> {
        let deadline = Instant::now() + BIND_TIMEOUT;
        while let Err(error) = self.counts().await {
            if Instant::now() > deadline {
                return Err(error);
            }
            tokio::time::sleep(BIND_POLL).await;
        }
        Ok(())
    }

    /// Sets how it behaves from now on.
    pub async fn behave(&self, behaviour: &Behaviour) -> Result<()> {
        let request = Request::new("PUT", "/behaviour")
            .header("content-type", "application/json")
            .body(serde_json::to_vec(behaviour)?);
        self.control(&request).await.map(drop)
    }

    /// The requests since the last call, oldest first; it forgets them.
    pub async fn take_seen(&self) -> Result<Vec<Seen>> {
        self.read(&Request::new("DELETE", "/seen")).await
    }

    /// Requests since the start, by path.
    pub async fn counts(&self) -> Result<BTreeMap<String, u64>> {
        self.read(&Request::new("GET", "/counts")).await
    }

    /// When requests came since `moment` of the machine's clock, by path.
    pub async fn arrivals(&self, moment: Duration) -> Result<BTreeMap<String, Vec<Duration>>> {
        let request = Request::new("GET", &format!("/arrivals/{}", moment.as_nanos()));
        let nanos: BTreeMap<String, Vec<u64>> = self.read(&request).await?;
        let moments = |nanos: Vec<u64>| nanos.into_iter().map(Duration::from_nanos).collect();
        Ok(nanos.into_iter().map(|(path, nanos)| (path, moments(nanos))).collect())
    }

    /// Its process id; another one after a restart.
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

    async fn read<T: DeserializeOwned>(&self, request: &Request) -> Result<T> {
        let body = self.control(request).await?;
        serde_json::from_slice(&body).with_context(|| format!("odd answer to {request}"))
    }

    async fn control(&self, request: &Request) -> Result<Vec<u8>> {
        let answer = http::fetch(self.addresses.control, request)
            .await
            .context("the application's control port")?;
        ensure!(
            answer.status < 300,
            "the application's control port answered {request} with {}: {}",
            answer.status,
            answer.text()
        );
        Ok(answer.body)
    }
}

/// Where it listens on a host; the first two are the mesh's business, where a name leads
/// to them.
async fn addresses_on(host: &Host) -> Result<Addresses> {
    let control = SocketAddr::new(host.address(Network::Control).await?, HOST_PORTS.control);
    let anywhere = |port| SocketAddr::from(([0, 0, 0, 0], port));
    Ok(Addresses { http: anywhere(HOST_PORTS.http), grpc: anywhere(HOST_PORTS.grpc), control })
}
