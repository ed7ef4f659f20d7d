//! What the application has seen.

use std::collections::{BTreeMap, VecDeque};

use axum::extract::Request;
use hyper::Version;
use serde::{Deserialize, Serialize};

use crate::latin1;

/// Requests that are kept; the oldest gives way.
const CAPACITY: usize = 10_000;

/// A request as it arrived.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Seen {
    /// The method.
    pub method: String,
    /// The path with its query.
    pub target: String,
    /// `1.0`, `1.1` or `2`.
    pub version: String,
    /// Every header; values are Latin-1.
    pub headers: Vec<(String, String)>,
}

impl Seen {
    /// The path without the query.
    pub fn path(&self) -> &str {
        self.target.split('?').next().unwrap_or(&self.target)
    }
}

impl From<&Request> for Seen {
    fn from(request: &Request) -> Self {
        let uri = request.uri();
        Self {
            method: request.method().to_string(),
            target: uri
                .path_and_query()
                .map_or_else(|| uri.path(), |target| target.as_str())
                .into(),
            version: match request.version() {
                Version::HTTP_10 => "1.0",
                Version::HTTP_2 => "2",
                _ => "1.1",
            }
            .into(),
            headers: latin1::pairs(request.headers()),
        }
    }
}

/// The latest requests, and how many there have been by path.
#[derive(Debug, Default)]
pub struct Recorder {
    seen: VecDeque<Seen>,
    counts: BTreeMap<String, u64>,
}

impl Recorder {
    /// Notes a request.
    pub fn note(&mut self, request: Seen) {
        *self.counts.entry(request.path().to_owned()).or_default() += 1;
        if self.seen.len() == CAPACITY {
            self.seen.pop_front();
        }
        self.seen.push_back(request);
    }

    /// The requests since the last [`take`](Self::take), oldest first.
    pub fn seen(&self) -> impl Iterator<Item = &Seen> {
        self.seen.iter()
    }

    /// The requests since the last call, oldest first; forgets them.
    pub fn take(&mut self) -> Vec<Seen> {
        std::mem::take(&mut self.seen).into()
    }

    /// Requests since the start, by path.
    pub fn counts(&self) -> &BTreeMap<String, u64> {
        &self.counts
    }
}
