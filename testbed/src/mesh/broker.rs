//! An MQTT broker that others have written, Mosquitto, and devices on it.

use std::ffi::OsString;
use std::fmt::Write as _;
use std::fs::{self, File};
use std::io::Write as _;
use std::net::{Ipv4Addr, SocketAddr, TcpStream};
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use anyhow::{Context, Result, ensure};
use rustix::process::Signal;
use tempfile::TempDir;

use crate::child::Child;
use crate::client::tls::{Authority, SERVER};
use crate::envoy::port;
use crate::tools::Tools;

const START: Duration = Duration::from_secs(10);
const POURED: Duration = Duration::from_secs(60);

/// A running broker; it dies when this is dropped.
#[derive(Debug)]
pub struct Broker {
    /// Where it listens.
    pub address: SocketAddr,
    tools: Tools,
    home: TempDir,
    child: Child,
    /// How clients show who they are.
    tls: Vec<OsString>,
}

impl Broker {
    /// Starts one that takes everybody.
    pub fn start(tools: &Tools) -> Result<Self> {
        Self::with(tools, "allow_anonymous true\n", vec![])
    }

    /// Starts one that speaks TLS, and takes those who show a certificate of `authority`, as
    /// its clients here do that of `client`.
    pub fn over_tls(tools: &Tools, authority: &Authority, client: &str) -> Result<Self> {
        authority.certify("broker", &["localhost", SERVER])?;
        let mut config = String::from("allow_anonymous true\nrequire_certificate true\n");
        for (key, file) in
            [("cafile", "ca"), ("certfile", "broker.cert"), ("keyfile", "broker.key")]
        {
            writeln!(config, "{key} {}", authority.path(file).display())?;
        }
        let shown = [("--cafile", "ca".to_owned())]
            .into_iter()
            .chain([("--cert", format!("{client}.cert")), ("--key", format!("{client}.key"))]);
        let tls = shown.flat_map(|(key, file)| [key.into(), authority.path(&file).into()]);
        Self::with(tools, &config, tls.collect())
    }

    fn with(tools: &Tools, config: &str, tls: Vec<OsString>) -> Result<Self> {
        let home = tempfile::tempdir()?;
        let address = SocketAddr::from((Ipv4Addr::LOCALHOST, port::choose()?));
        let listener = format!("listener {} 127.0.0.1\n", address.port());
        // As root it would take on a user that this machine may not have.
        // What is poured into it all arrives.
        let all = format!("user root\nlog_type all\nmax_queued_messages 0\n{listener}{config}");
        fs::write(home.path().join("mosquitto.conf"), all)?;
        let child = run(tools, &home, address)?;
        Ok(Self { address, tools: tools.clone(), home, child, tls })
    }

    /// Kills it: nobody gets a word of parting.
    pub fn kill(&mut self) -> Result<()> {
        self.child.kill()
    }

    /// Starts it again where it was; what it had retained is forgotten.
    pub fn restart(&mut self) -> Result<()> {
        self.child = run(&self.tools, &self.home, self.address)?;
        Ok(())
    }

    /// Publishes a message.
    pub fn publish(&self, topic: &str, payload: &str, retained: bool) -> Result<()> {
        let mut command = self.client("mosquitto_pub")?;
        command.args(["-q", "1", "-t", topic, "-m", payload]);
        if retained {
            command.arg("-r");
        }
        let output = command.output()?;
        ensure!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
        Ok(())
    }

    /// Publishes many messages on a topic, as fast as they are taken: one in each line.
    pub fn pour(&self, topic: &str, lines: &str) -> Result<()> {
        let mut command = self.client("mosquitto_pub")?;
        command.args(["-q", "1", "-t", topic, "-l"]).stdin(Stdio::piped());
        let mut child = Child::spawn(&mut command)?;
        // It ends with its input.
        child.take_stdin().context("its input isn't piped")?.write_all(lines.as_bytes())?;
        let start = Instant::now();
        loop {
            if let Some(status) = child.exited()? {
                ensure!(status.success(), "mosquitto_pub: {status}");
                return Ok(());
            }
            ensure!(start.elapsed() < POURED, "the broker hasn't taken all after {POURED:?}");
            std::thread::sleep(Duration::from_millis(10));
        }
    }

    /// Whether anybody has subscribed to `filter`.
    pub fn is_subscribed(&self, filter: &str) -> Result<bool> {
        let log = fs::read_to_string(self.home.path().join("log"))?;
        Ok(log.lines().any(|line| line.trim_end().ends_with(&format!("{filter} (QoS 1)"))))
    }

    fn client(&self, program: &str) -> Result<Command> {
        let mut command = Command::new(self.tools.mosquitto(program)?);
        command.args(["-h", "localhost", "-p", &self.address.port().to_string()]);
        command.args(&self.tls);
        Ok(command)
    }
}

fn run(tools: &Tools, home: &TempDir, address: SocketAddr) -> Result<Child> {
    let log = File::create(home.path().join("log"))?;
    let mut command = Command::new(tools.mosquitto("mosquitto")?);
    command.arg("-c").arg(home.path().join("mosquitto.conf"));
    let mut child = Child::spawn(command.stdout(log.try_clone()?).stderr(log))?;
    let start = Instant::now();
    while TcpStream::connect(address).is_err() {
        let log = || fs::read_to_string(home.path().join("log")).unwrap_or_default();
        ensure!(child.exited()?.is_none(), "the broker has ended: {}", log());
        ensure!(start.elapsed() < START, "the broker doesn't listen: {}", log());
        std::thread::sleep(Duration::from_millis(10));
    }
    Ok(child)
}

/// A device that has given the broker its last will. It vanishes when this is dropped.
#[derive(Debug)]
pub struct Device {
    child: Child,
}

impl Device {
    /// One that is there until it vanishes.
    pub fn connect(broker: &Broker, topic: &str, will: &str) -> Result<Self> {
        // The broker's log says when it is there.
        let own = format!("device/{}", port::choose()?);
        let mut command = broker.client("mosquitto_sub")?;
        command.args(["-q", "1", "-t", &own, "--will-qos", "1"]);
        command.args(["--will-topic", topic, "--will-payload", will]);
        let child = Child::spawn(command.stdout(Stdio::null()))?;
        let start = Instant::now();
        while !broker.is_subscribed(&own)? {
            ensure!(start.elapsed() < START, "the device can't connect");
            std::thread::sleep(Duration::from_millis(10));
        }
        Ok(Self { child })
    }

    /// It is gone, without a word.
    pub fn vanish(self) -> Result<()> {
        self.child.signal(Signal::KILL)
    }
}
