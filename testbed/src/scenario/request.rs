//! Requests as steps write them: what is sent, and which way it goes.

use std::collections::BTreeMap;
use std::net::IpAddr;
use std::time::Duration;

use anyhow::{Context, Result, ensure};
use base64::Engine;
use base64::prelude::BASE64_STANDARD;
use serde::Deserialize;

use super::pattern::OneOrMany;
use super::span::Span;
use crate::client::http;
use crate::client::tls::Identity;

/// What is sent; part of every step that sends HTTP requests.
///
/// Serde checks for unknown keys where this is flattened into.
#[derive(Clone, Debug, Deserialize)]
pub struct Message {
    send: RequestLine,
    #[serde(default)]
    headers: Headers,
    body: Option<String>,
    body_base64: Option<Base64>,
    body_pieces: Option<Vec<Base64>>,
    pause: Option<Span>,
}

/// Which way it goes; part of every step that connects to Envoy.
#[derive(Clone, Debug, Deserialize)]
pub struct Way {
    /// The listener's name; the first one otherwise.
    pub to: Option<String>,
    /// The client's address.
    pub from: Option<IpAddr>,
    /// Who the client is; with this it speaks TLS.
    pub r#as: Option<Identity>,
}

/// The HTTP version to speak.
#[derive(Clone, Copy, Debug, Default, Deserialize)]
#[allow(missing_docs)]
pub enum Version {
    #[default]
    #[serde(rename = "1.1")]
    Http1,
    #[serde(rename = "2")]
    Http2,
}

/// `METHOD target`.
#[derive(Clone, Debug, Deserialize)]
#[serde(try_from = "String")]
pub struct RequestLine {
    /// The method.
    pub method: String,
    /// The path with its query.
    pub target: String,
}

/// Bytes written in base64.
#[derive(Clone, Debug, PartialEq, Deserialize)]
#[serde(try_from = "String")]
pub struct Base64(pub Vec<u8>);

/// Headers to be sent.
pub type Headers = BTreeMap<String, OneOrMany<String>>;

impl Message {
    /// The request.
    pub fn request(&self) -> http::Request {
        let text = self.body.iter().filter(|body| !body.is_empty());
        let text = text.map(|body| body.clone().into_bytes());
        let whole = self.body_base64.iter().chain(self.body_pieces.iter().flatten());
        http::Request {
            headers: pairs(&self.headers),
            body: text.chain(whole.map(|body| body.0.clone())).collect(),
            pause: self.pause.map_or(Duration::ZERO, |pause| pause.0),
            ..(&self.send).into()
        }
    }

    /// Checks what the types don't.
    pub fn check(&self) -> Result<()> {
        let given = [self.body.is_some(), self.body_base64.is_some(), self.body_pieces.is_some()];
        ensure!(
            given.into_iter().filter(|given| *given).count() <= 1,
            "body, body_base64 and body_pieces exclude each other"
        );
        ensure!(
            self.pause.is_none() || self.body_pieces.is_some(),
            "a pause is between body_pieces"
        );
        Ok(())
    }
}

impl From<&RequestLine> for http::Request {
    fn from(line: &RequestLine) -> Self {
        Self::new(&line.method, &line.target)
    }
}

impl From<Version> for http::Version {
    fn from(version: Version) -> Self {
        match version {
            Version::Http1 => Self::Http1,
            Version::Http2 => Self::Http2,
        }
    }
}

impl TryFrom<String> for RequestLine {
    type Error = anyhow::Error;

    fn try_from(line: String) -> Result<Self> {
        let (method, target) =
            line.split_once(' ').with_context(|| format!("{line:?} is not METHOD target"))?;
        Ok(Self { method: method.into(), target: target.into() })
    }
}

impl TryFrom<String> for Base64 {
    type Error = base64::DecodeError;

    fn try_from(text: String) -> Result<Self, Self::Error> {
        BASE64_STANDARD.decode(text).map(Self)
    }
}

/// Every header, a name for each of its values.
pub fn pairs(headers: &Headers) -> Vec<(String, String)> {
    headers
        .iter()
        .flat_map(|(name, values)| {
            values.as_slice().iter().map(|value| (name.clone(), value.clone()))
        })
        .collect()
}
