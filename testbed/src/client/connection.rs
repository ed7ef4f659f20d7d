//! Connections that HTTP requests are sent on.

use std::time::Instant;

use anyhow::{Context, Result, anyhow};
use hyper::client::conn::{http1, http2};
use hyper_util::rt::{TokioExecutor, TokioIo};
use tokio::task::AbortHandle;

use super::body::Pieces;
use super::message::{Request, Response, TIMEOUT, Version};
use super::peer::Peer;

/// A connection that stays open between requests, as far as the peer lets it,
/// and is closed when this is dropped, answered or not.
#[derive(Debug)]
pub struct Connection {
    sender: Sender,
    peer: Peer,
    driver: AbortHandle,
}

#[derive(Debug)]
enum Sender {
    Http1(http1::SendRequest<Pieces>),
    Http2(http2::SendRequest<Pieces>),
}

impl Connection {
    /// Connects.
    pub async fn open(version: Version, peer: impl Into<Peer>) -> Result<Self> {
        let peer = peer.into();
        let stream = TokioIo::new(peer.connect(Some(version)).await?);
        // The driver ends with the connection; what went wrong is also reported to
        // the request that it went wrong for.
        let (sender, driver) = match version {
            Version::Http1 => {
                let (sender, connection) = http1::handshake(stream).await?;
                (Sender::Http1(sender), tokio::spawn(async { drop(connection.await) }))
            }
            Version::Http2 => {
                let (sender, connection) = http2::handshake(TokioExecutor::new(), stream).await?;
                (Sender::Http2(sender), tokio::spawn(async { drop(connection.await) }))
            }
        };
        Ok(Self { sender, peer, driver: driver.abort_handle() })
    }

    /// Whether another request can be sent.
    pub fn is_open(&self) -> bool {
        match &self.sender {
            Sender::Http1(sender) => !sender.is_closed(),
            Sender::Http2(sender) => !sender.is_closed(),
        }
    }

    /// Sends a request and reads the whole answer.
    pub async fn send(&mut self, request: &Request) -> Result<Response> {
        tokio::time::timeout(TIMEOUT, self.exchange(request))
            .await
            .unwrap_or_else(|_| Err(anyhow!("no answer within {TIMEOUT:?}")))
            .with_context(|| format!("{request} to {}", self.peer.address))
    }

    async fn exchange(&mut self, request: &Request) -> Result<Response> {
        let start = Instant::now();
        let response = match &mut self.sender {
            Sender::Http1(sender) => {
                sender.ready().await?;
                sender.send_request(request.to_hyper(Version::Http1)?).await?
            }
            Sender::Http2(sender) => {
                sender.ready().await?;
                sender.send_request(request.to_hyper(Version::Http2)?).await?
            }
        };
        Response::read(response, start).await
    }
}

impl Drop for Connection {
    fn drop(&mut self) {
        self.driver.abort();
    }
}

/// A connection that is opened when it is needed, and anew when the peer has
/// closed it.
#[derive(Debug)]
pub struct KeepAlive {
    version: Version,
    peer: Peer,
    open: Option<Connection>,
}

impl KeepAlive {
    /// A connection yet to be opened.
    pub fn new(version: Version, peer: Peer) -> Self {
        Self { version, peer, open: None }
    }

    /// Sends a request and reads the whole answer.
    pub async fn send(&mut self, request: &Request) -> Result<Response> {
        let mut connection = match self.open.take().filter(Connection::is_open) {
            Some(connection) => connection,
            None => Connection::open(self.version, self.peer.clone()).await?,
        };
        // A connection that failed is not kept.
        let answer = connection.send(request).await?;
        self.open = Some(connection);
        Ok(answer)
    }
}
