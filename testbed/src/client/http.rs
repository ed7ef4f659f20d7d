//! An HTTP/1.1 and HTTP/2 client that hides nothing: no redirects, no retries,
//! no pooling, header values as the bytes they are.

use std::net::SocketAddr;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, anyhow};
use bytes::Bytes;
use http_body_util::{BodyExt, Full};
use hyper::body::Incoming;
use hyper::client::conn::{http1, http2};
use hyper::header::HOST;
use hyper_util::rt::{TokioExecutor, TokioIo};
use tokio::net::TcpStream;

use crate::latin1;

/// No answer may take longer.
const PATIENCE: Duration = Duration::from_secs(60);

/// The authority of requests that name none.
const AUTHORITY: &str = "heartbeat.test";

/// The version of HTTP to speak.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Version {
    /// HTTP/1.1.
    #[default]
    Http1,
    /// HTTP/2 without TLS, by prior knowledge.
    Http2,
}

/// A request to be sent.
#[derive(Clone, Debug)]
pub struct Request {
    /// The method.
    pub method: String,
    /// The path with its query.
    pub target: String,
    /// Headers in order; values are Latin-1.
    pub headers: Vec<(String, String)>,
    /// The body.
    pub body: Vec<u8>,
}

impl Request {
    /// A request with no headers of its own and no body.
    pub fn new(method: &str, target: &str) -> Self {
        Self { method: method.into(), target: target.into(), headers: vec![], body: vec![] }
    }

    /// Adds a header.
    pub fn header(mut self, name: &str, value: &str) -> Self {
        self.headers.push((name.into(), value.into()));
        self
    }

    /// Sets the body.
    pub fn body(mut self, body: impl Into<Vec<u8>>) -> Self {
        self.body = body.into();
        self
    }

    fn to_hyper(&self, version: Version) -> Result<hyper::Request<Full<Bytes>>> {
        // HTTP/1.1 names the authority in a header, HTTP/2 in the target.
        let target = match version {
            Version::Http1 => self.target.clone(),
            Version::Http2 => format!("http://{}{}", self.authority(), self.target),
        };
        let mut request = hyper::Request::builder()
            .method(self.method.as_str())
            .uri(target)
            .body(Full::from(self.body.clone()))?;
        for (name, value) in &self.headers {
            let (name, value) = latin1::header(name, value)?;
            if version == Version::Http1 || name != HOST {
                request.headers_mut().append(name, value);
            }
        }
        if version == Version::Http1 && !request.headers().contains_key(HOST) {
            request.headers_mut().insert(HOST, hyper::header::HeaderValue::from_static(AUTHORITY));
        }
        Ok(request)
    }

    fn authority(&self) -> &str {
        let host = self.headers.iter().find(|(name, _)| name.eq_ignore_ascii_case("host"));
        host.map_or(AUTHORITY, |(_, value)| value)
    }
}

impl std::fmt::Display for Request {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{} {}", self.method, self.target)
    }
}

/// An answer, read to its end.
#[derive(Clone, Debug)]
pub struct Response {
    /// The status.
    pub status: u16,
    /// Headers in order; values are Latin-1.
    pub headers: Vec<(String, String)>,
    /// The body.
    pub body: Vec<u8>,
    /// Trailers in order.
    pub trailers: Vec<(String, String)>,
    /// From sending the request to the end of the answer.
    pub elapsed: Duration,
}

impl Response {
    /// The body as text.
    pub fn text(&self) -> String {
        String::from_utf8_lossy(&self.body).into_owned()
    }
}

/// Sends one request over HTTP/1.1 on a connection of its own.
pub async fn fetch(address: SocketAddr, request: &Request) -> Result<Response> {
    fetch_as(Version::Http1, address, request).await
}

/// Sends one request on a connection of its own.
pub async fn fetch_as(
    version: Version,
    address: SocketAddr,
    request: &Request,
) -> Result<Response> {
    let start = Instant::now();
    let mut response = Connection::open(version, address).await?.send(request).await?;
    response.elapsed = start.elapsed();
    Ok(response)
}

/// A connection that stays open between requests, as far as the peer lets it.
#[derive(Debug)]
pub struct Connection {
    sender: Sender,
    address: SocketAddr,
}

#[derive(Debug)]
enum Sender {
    Http1(http1::SendRequest<Full<Bytes>>),
    Http2(http2::SendRequest<Full<Bytes>>),
}

impl Connection {
    /// Connects.
    pub async fn open(version: Version, address: SocketAddr) -> Result<Self> {
        let sender = Sender::open(version, address)
            .await
            .with_context(|| format!("can't connect to {address}"))?;
        Ok(Self { sender, address })
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
        tokio::time::timeout(PATIENCE, self.exchange(request))
            .await
            .unwrap_or_else(|_| Err(anyhow!("no answer within {PATIENCE:?}")))
            .with_context(|| format!("{request} to {}", self.address))
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
        read(response, start).await
    }
}

impl Sender {
    async fn open(version: Version, address: SocketAddr) -> Result<Self> {
        let stream = TcpStream::connect(address).await?;
        stream.set_nodelay(true)?;
        let stream = TokioIo::new(stream);
        // The connection's task ends with the connection; what went wrong is
        // also told to the request that it went wrong for.
        Ok(match version {
            Version::Http1 => {
                let (sender, connection) = http1::handshake(stream).await?;
                tokio::spawn(connection);
                Self::Http1(sender)
            }
            Version::Http2 => {
                let (sender, connection) = http2::handshake(TokioExecutor::new(), stream).await?;
                tokio::spawn(connection);
                Self::Http2(sender)
            }
        })
    }
}

async fn read(response: hyper::Response<Incoming>, start: Instant) -> Result<Response> {
    let (head, body) = response.into_parts();
    let body = body.collect().await.context("the answer's body broke off")?;
    let trailers = body.trailers().map(latin1::pairs).unwrap_or_default();
    Ok(Response {
        status: head.status.as_u16(),
        headers: latin1::pairs(&head.headers),
        body: body.to_bytes().into(),
        trailers,
        elapsed: start.elapsed(),
    })
}
