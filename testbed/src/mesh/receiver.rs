//! Whoever is told by webhooks: a server in Python, which verifies signatures by its own hmac.

use std::io::{BufRead, BufReader, Write};
use std::net::SocketAddr;
use std::process::{ChildStdin, Command, Stdio};
use std::sync::{Arc, Mutex};

use anyhow::{Context, Result};
use rustix::process::Signal;
use serde_json::Value;

use crate::child::Child;
use crate::tools::{self, Tools};

const SCRIPT: &str = "testbed/clients/webhook_receiver.py";

/// A running receiver; it dies when this is dropped.
#[derive(Debug)]
pub struct Receiver {
    /// Where it listens.
    pub address: SocketAddr,
    child: Child,
    orders: ChildStdin,
    deliveries: Arc<Mutex<Vec<Value>>>,
}

impl Receiver {
    /// Starts one that takes all, and verifies by this key.
    pub fn start(tools: &Tools, key: &str) -> Result<Self> {
        Self::start_at(tools, key, SocketAddr::from(([127, 0, 0, 1], 0)))
    }

    /// The same at an address.
    pub fn start_at(tools: &Tools, key: &str, address: SocketAddr) -> Result<Self> {
        let mut command = Command::new(tools.python()?);
        command.arg(tools::workspace().join(SCRIPT)).arg(address.to_string());
        command.env("HOOK_KEY", key).stdin(Stdio::piped()).stdout(Stdio::piped());
        let mut child = Child::spawn(&mut command)?;
        let orders = child.take_stdin().context("the receiver's input isn't piped")?;
        let stdout = child.take_stdout().context("the receiver's output isn't piped")?;
        let mut lines = BufReader::new(stdout).lines();
        let port = lines.next().context("the receiver is gone")??.parse()?;
        let deliveries = Arc::new(Mutex::new(Vec::new()));
        let shared = Arc::clone(&deliveries);
        std::thread::spawn(move || {
            for line in lines.map_while(Result::ok) {
                let Ok(delivery) = serde_json::from_str(&line) else { continue };
                shared.lock().unwrap_or_else(|it| it.into_inner()).push(delivery);
            }
        });
        Ok(Self { address: SocketAddr::new(address.ip(), port), child, orders, deliveries })
    }

    /// Has it answer so from now on: `{ "status": 429, "headers": {}, "delay": 0.0 }`.
    pub fn answers(&mut self, behaviour: &Value) -> Result<()> {
        writeln!(self.orders, "{behaviour}").context("the receiver is gone")
    }

    /// Sends the process a signal: `STOP` it, let it `CONT`inue, `KILL` it.
    pub fn signal(&self, signal: Signal) -> Result<()> {
        self.child.signal(signal)
    }

    /// All that has come.
    pub fn deliveries(&self) -> Vec<Value> {
        self.deliveries.lock().unwrap_or_else(|it| it.into_inner()).clone()
    }

    /// The changes that it has taken, each once, in the order in which it took them.
    pub fn changes(&self) -> Vec<Value> {
        let deliveries = self.deliveries();
        let taken = deliveries.iter().filter(|it| it["status"] == 200);
        let changes = taken.flat_map(|it| it["body"]["changes"].as_array().into_iter().flatten());
        let mut all: Vec<Value> = Vec::new();
        for change in changes {
            if !all.iter().any(|known| known["id"] == change["id"]) {
                all.push(change.clone());
            }
        }
        all
    }
}
