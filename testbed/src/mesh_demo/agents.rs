//! Agents that look at an instance each, and publish what they see, or what they are told
//! to say.

use std::io::Write;
use std::net::SocketAddr;
use std::process::{ChildStdin, Command, Stdio};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use anyhow::{Context, Result};
use tokio::sync::mpsc;
use tokio::task::JoinHandle;

use crate::child::Child;
use crate::client::http::{self, Request};
use crate::client::peer::Peer;
use crate::client::tls::{Authority, Identity};
use crate::mesh::{Bridge, Broker, Source, event};
use crate::tools::Tools;

/// How often an agent speaks.
pub const BEAT: Duration = Duration::from_millis(250);
/// How long it waits for an instance.
const PATIENCE: Duration = Duration::from_millis(200);
/// How the files of their certificate are called.
pub const AGENTS: &str = "agents";
/// The topic of all of them.
const TOPIC: &str = "health/edge";

/// What agents are told to say, by instance from 1; nothing where they are honest.
#[derive(Clone, Debug)]
pub struct Script(Arc<Mutex<Vec<Option<&'static str>>>>);

impl Script {
    /// From now on this is said of an instance, or what is seen.
    pub fn set(&self, number: usize, says: Option<&'static str>) {
        let mut lines = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(line) = lines.get_mut(number - 1) {
            *line = says;
        }
    }

    fn of(&self, index: usize) -> Option<&'static str> {
        let lines = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        lines.get(index).copied().flatten()
    }
}

/// How what agents say gets to the hub.
#[derive(Debug)]
enum Way {
    /// By a real broker and the shipped bridge.
    Mqtt { broker: Box<Broker>, _bridge: Bridge, publisher: Option<Publisher> },
    /// By POST, where there is no broker.
    Post { source: Source, speaks: bool },
}

/// A process that publishes what it reads.
#[derive(Debug)]
struct Publisher {
    _child: Child,
    lines: ChildStdin,
}

/// All agents; they end when this is dropped.
#[derive(Debug)]
pub struct Agents {
    /// What they say.
    pub script: Script,
    way: Arc<tokio::sync::Mutex<Way>>,
    tools: Tools,
    tasks: Vec<JoinHandle<()>>,
}

impl Agents {
    /// Starts them; `hub` is where the bridge posts, or they themselves.
    pub fn start(
        tools: &Tools,
        instances: &[SocketAddr],
        authority: &Authority,
        hub: SocketAddr,
    ) -> Result<Self> {
        let way = if tools.mosquitto("mosquitto").is_ok() {
            Way::by_mqtt(tools, authority, hub)?
        } else {
            let tls = Some(authority.client(&Identity::Uri("spiffe://edge/agents".into()))?);
            let source = Source::by(Peer { address: hub, from: None, tls });
            Way::Post { source, speaks: true }
        };
        let script = Script(Arc::new(Mutex::new(vec![None; instances.len()])));
        let way = Arc::new(tokio::sync::Mutex::new(way));
        let (say, mut said) = mpsc::channel::<(SocketAddr, &'static str)>(64);
        let looks = instances.iter().enumerate().map(|(index, instance)| {
            tokio::spawn(look(index, *instance, script.clone(), say.clone()))
        });
        let mut tasks: Vec<_> = looks.collect();
        let mouth = way.clone();
        tasks.push(tokio::spawn(async move {
            while let Some((instance, status)) = said.recv().await {
                mouth.lock().await.say(instance, status).await;
            }
        }));
        Ok(Self { script, way, tools: tools.clone(), tasks })
    }

    /// Whether they speak over MQTT.
    pub async fn by_mqtt(&self) -> bool {
        matches!(*self.way.lock().await, Way::Mqtt { .. })
    }

    /// Nobody hears them any more.
    pub async fn silence(&self) -> Result<()> {
        match &mut *self.way.lock().await {
            Way::Mqtt { broker, publisher, .. } => {
                *publisher = None;
                broker.kill()
            }
            Way::Post { speaks, .. } => {
                *speaks = false;
                Ok(())
            }
        }
    }

    /// They are heard again.
    pub async fn voice(&self) -> Result<()> {
        match &mut *self.way.lock().await {
            Way::Mqtt { broker, publisher, .. } => {
                broker.restart()?;
                *publisher = Some(Publisher::start(&self.tools, broker)?);
            }
            Way::Post { speaks, .. } => *speaks = true,
        }
        Ok(())
    }
}

impl Drop for Agents {
    fn drop(&mut self) {
        self.tasks.iter().for_each(JoinHandle::abort);
    }
}

impl Publisher {
    fn start(tools: &Tools, broker: &Broker) -> Result<Self> {
        let mut command = Command::new(tools.mosquitto("mosquitto_pub")?);
        command.args(["-h", "127.0.0.1", "-p", &broker.address.port().to_string()]);
        command.args(["-t", TOPIC, "-l"]).stdin(Stdio::piped()).stderr(Stdio::null());
        let mut child = Child::spawn(&mut command)?;
        let lines = child.take_stdin().context("the publisher's input isn't piped")?;
        Ok(Self { _child: child, lines })
    }
}

impl Way {
    fn by_mqtt(tools: &Tools, authority: &Authority, hub: SocketAddr) -> Result<Self> {
        let broker = Broker::start(tools)?;
        let port = broker.address.port().to_string();
        let url = format!("https://localhost:{}", hub.port());
        let file = |name: &str| authority.path(name).display().to_string();
        let (ca, cert) = (file("ca"), file(&format!("{AGENTS}.cert")));
        let key = file(&format!("{AGENTS}.key"));
        let from = ["--broker", "127.0.0.1", "--broker-port", &port, "--topic", TOPIC];
        let to = ["--hub", &url, "--hub-ca", &ca, "--hub-cert", &cert, "--hub-key", &key];
        let bridge = Bridge::start(tools, &[&from[..], &to].concat())?;
        let publisher = Some(Publisher::start(tools, &broker)?);
        Ok(Self::Mqtt { broker: Box::new(broker), _bridge: bridge, publisher })
    }

    /// Nobody who speaks knows whether they are heard.
    async fn say(&mut self, instance: SocketAddr, status: &str) {
        match self {
            Self::Mqtt { publisher: Some(publisher), .. } => {
                let _ = writeln!(publisher.lines, "{}", event(instance, status));
            }
            Self::Post { source, speaks: true } => {
                let _ = source.post(&event(instance, status)).await;
            }
            Self::Mqtt { .. } | Self::Post { .. } => {}
        }
    }
}

async fn look(
    index: usize,
    instance: SocketAddr,
    script: Script,
    say: mpsc::Sender<(SocketAddr, &'static str)>,
) {
    let mut beats = tokio::time::interval(BEAT);
    loop {
        beats.tick().await;
        let status = match script.of(index) {
            Some(told) => told,
            None => {
                let request = Request::new("GET", "/health");
                let seen = http::fetch(instance, &request);
                let well = tokio::time::timeout(PATIENCE, seen).await;
                if matches!(well, Ok(Ok(answer)) if answer.status == 200) { "pass" } else { "fail" }
            }
        };
        if say.send((instance, status)).await.is_err() {
            return;
        }
    }
}
