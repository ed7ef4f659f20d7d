//! A gRPC server that others have written: grpcio's, with its health service.

use std::io::{BufRead, BufReader, Write};
use std::net::SocketAddr;
use std::process::{ChildStdin, Command, Stdio};

use anyhow::{Context, Result};
use rustix::process::Signal;
use serde_json::{Value, json};

use crate::child::Child;
use crate::tools::{self, Tools};

const SCRIPT: &str = "testbed/clients/grpcio_server.py";

/// A running server; it dies when this is dropped.
#[derive(Debug)]
pub struct GrpcServer {
    /// Where it listens.
    pub address: SocketAddr,
    child: Child,
    orders: ChildStdin,
}

impl GrpcServer {
    /// Starts one that serves. `options` are grpcio's own, such as
    /// `{ "grpc.max_connection_age_ms": 1000 }`.
    pub fn start(tools: &Tools, options: &Value) -> Result<Self> {
        let mut command = Command::new(tools.python()?);
        command.arg(tools::workspace().join(SCRIPT)).arg("127.0.0.1:0").arg(options.to_string());
        let mut child = Child::spawn(command.stdin(Stdio::piped()).stdout(Stdio::piped()))?;
        let orders = child.take_stdin().context("the gRPC server's input isn't piped")?;
        let stdout = child.take_stdout().context("the gRPC server's output isn't piped")?;
        let mut line = String::new();
        BufReader::new(stdout).read_line(&mut line)?;
        let port = line.trim().parse::<u16>();
        let port = port.with_context(|| format!("the gRPC server printed {line:?}"))?;
        Ok(Self { address: SocketAddr::from(([127, 0, 0, 1], port)), child, orders })
    }

    /// Has a service say this of itself from now on, such as `NOT_SERVING`; the one without
    /// a name is the whole server.
    pub fn says(&mut self, service: &str, status: &str) -> Result<()> {
        writeln!(self.orders, "{}", json!([service, status])).context("the gRPC server is gone")
    }

    /// Sends the process a signal: `STOP` it, let it `CONT`inue, `KILL` it.
    pub fn signal(&self, signal: Signal) -> Result<()> {
        self.child.signal(signal)
    }
}
