//! HTTP requests and answers.

use std::time::{Duration, Instant};

use anyhow::{Context, Result};
use http_body_util::BodyExt;
use hyper::body::Incoming;
use hyper::header::HOST;

use super::body::Pieces;
use crate::latin1;

/// No connection and no answer may take longer.
pub(super) const TIMEOUT: Duration = Duration::from_secs(60);

/// The authority of requests that name none.
const AUTHORITY: &str = "heartbeat.test";

/// The version of HTTP to speak.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Version {
    /// HTTP/1.1.
    #[default]
    Http1,
    /// HTTP/2: without TLS by prior knowledge.
    Http2,
}

impl Version {
    /// Its name in ALPN.
    pub(super) fn alpn(self) -> Vec<u8> {
        match self {
            Self::Http1 => b"http/1.1".into(),
            Self::Http2 => b"h2".into(),
        }
    }
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
    /// The body, in one piece or in several: each is a DATA frame in HTTP/2.
    pub body: Vec<Vec<u8>>,
    /// The time from one piece to the next.
    pub pause: Duration,
}

impl Request {
    /// A request with no headers of its own and no body.
    pub fn new(method: &str, target: &str) -> Self {
        let (method, target) = (method.into(), target.into());
        Self { method, target, headers: vec![], body: vec![], pause: Duration::ZERO }
    }

    /// Adds a header.
    pub fn header(mut self, name: &str, value: &str) -> Self {
        self.headers.push((name.into(), value.into()));
        self
    }

    /// Sets the body, in one piece.
    pub fn body(mut self, body: impl Into<Vec<u8>>) -> Self {
        self.body = vec![body.into()];
        self
    }

    pub(super) fn to_hyper(&self, version: Version) -> Result<hyper::Request<Pieces>> {
        // HTTP/1.1 names the authority in a header, HTTP/2 in the target.
        let target = match version {
            Version::Http1 => self.target.clone(),
            Version::Http2 => format!("http://{}{}", self.authority(), self.target),
        };
        let mut request = hyper::Request::builder()
            .method(self.method.as_str())
            .uri(target)
            .body(Pieces::new(&self.body, self.pause))?;
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
    /// Reads an answer that began to arrive for a request sent at `start`.
    pub(super) async fn read(answer: hyper::Response<Incoming>, start: Instant) -> Result<Self> {
        let (head, body) = answer.into_parts();
        let body = body.collect().await.context("the answer's body broke off")?;
        let trailers = body.trailers().map(latin1::pairs).unwrap_or_default();
        Ok(Self {
            status: head.status.as_u16(),
            headers: latin1::pairs(&head.headers),
            body: body.to_bytes().into(),
            trailers,
            elapsed: start.elapsed(),
        })
    }

    /// The body as text.
    pub fn text(&self) -> String {
        String::from_utf8_lossy(&self.body).into_owned()
    }
}
