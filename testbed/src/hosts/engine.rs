//! The Docker engine's API, over its socket. Paths without a version are those of
//! the engine's own version, so that neither an old one nor a new one is in the way.

use std::path::{Path, PathBuf};
use std::time::Duration;

use anyhow::{Context, Result, anyhow, ensure};
use bytes::Bytes;
use http_body_util::{BodyExt, Full};
use hyper::body::Incoming;
use hyper::client::conn::http1;
use hyper::header::{CONTENT_TYPE, HOST};
use hyper_util::rt::TokioIo;
use serde_json::Value;
use tokio::net::UnixStream;

use super::frames;

/// No order may take longer; starting a container takes a second.
const TIMEOUT: Duration = Duration::from_secs(60);

/// An engine.
#[derive(Clone, Debug)]
pub struct Engine {
    socket: PathBuf,
}

impl Engine {
    /// The engine that listens on `socket`.
    pub fn new(socket: &Path) -> Self {
        Self { socket: socket.into() }
    }

    /// Asks for something.
    pub async fn get(&self, path: &str) -> Result<Value> {
        self.ask("GET", path, None).await
    }

    /// Gives an order; the answer may be null.
    pub async fn post(&self, path: &str, body: &Value) -> Result<Value> {
        self.ask("POST", path, Some(body)).await
    }

    /// Gives an order that is answered by the output of a program.
    pub async fn run(&self, path: &str, body: &Value) -> Result<String> {
        let output = async {
            let answer = self.send("POST", path, Some(body)).await?;
            let output = answer.into_body().collect().await?.to_bytes();
            Ok(String::from_utf8_lossy(&frames::payload(&output)).into_owned())
        };
        bounded(path, output).await
    }

    /// Opens what goes on until something ends.
    pub async fn open(&self, path: &str) -> Result<Incoming> {
        Ok(bounded(path, self.send("GET", path, None)).await?.into_body())
    }

    async fn ask(&self, method: &str, path: &str, body: Option<&Value>) -> Result<Value> {
        let answer = async {
            let answer = self.send(method, path, body).await?;
            let body = answer.into_body().collect().await?.to_bytes();
            if body.is_empty() {
                return Ok(Value::Null);
            }
            serde_json::from_slice(&body).context("odd answer")
        };
        bounded(path, answer).await
    }

    /// Sends a request on a connection of its own; an error says what the engine answered.
    async fn send(
        &self,
        method: &str,
        path: &str,
        body: Option<&Value>,
    ) -> Result<hyper::Response<Incoming>> {
        let stream = UnixStream::connect(&self.socket)
            .await
            .with_context(|| format!("can't connect to {}", self.socket.display()))?;
        let (mut sender, connection) = http1::handshake(TokioIo::new(stream)).await?;
        // What went wrong is also reported to the request that it went wrong for.
        tokio::spawn(async { drop(connection.await) });
        let body = body.map(Value::to_string).unwrap_or_default();
        let request = hyper::Request::builder()
            .method(method)
            .uri(path)
            .header(HOST, "docker")
            .header(CONTENT_TYPE, "application/json")
            .body(Full::new(Bytes::from(body)))?;
        let answer = sender.send_request(request).await?;
        let status = answer.status();
        // 304: it is so already.
        if status.is_success() || status.as_u16() == 304 {
            return Ok(answer);
        }
        let reason = answer.into_body().collect().await?.to_bytes();
        ensure!(!reason.is_empty(), "the engine answered {status}");
        Err(anyhow!("the engine answered {status}: {}", String::from_utf8_lossy(&reason).trim()))
    }
}

async fn bounded<T>(path: &str, work: impl Future<Output = Result<T>>) -> Result<T> {
    tokio::time::timeout(TIMEOUT, work)
        .await
        .unwrap_or_else(|_| Err(anyhow!("no answer within {TIMEOUT:?}")))
        .with_context(|| format!("Docker: {path}"))
}
