//! What the application has seen.

use std::collections::{BTreeMap, VecDeque};
use std::time::Duration;

use axum::extract::Request;
use hyper::Version;
use hyper::header::HOST;
use serde::{Deserialize, Serialize};

use crate::{clock, latin1};

/// Requests that are kept; the oldest gives way.
const CAPACITY: usize = 10_000;

/// Arrivals that are kept of each path; the oldest gives way.
pub const ARRIVALS: usize = 100_000;

/// A request as it arrived.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Seen {
    /// The method.
    pub method: String,
    /// The path with its query.
    pub target: String,
    /// `1.0`, `1.1` or `2`.
    pub version: String,
    /// Every header, `host` in the place of `:authority`; values are Latin-1.
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
        let mut headers = latin1::pairs(request.headers());
        if !request.headers().contains_key(HOST)
            && let Some(authority) = uri.authority()
        {
            headers.push((HOST.to_string(), authority.to_string()));
        }
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
            headers,
        }
    }
}

/// The latest requests, and how many there have been, and when, by path.
#[derive(Debug, Default)]
pub struct Recorder {
    seen: VecDeque<Seen>,
    paths: BTreeMap<String, Visits>,
}

/// The requests for one path.
#[derive(Debug, Default)]
struct Visits {
    count: u64,
    /// When the latest came, by the machine's clock, oldest first.
    arrivals: VecDeque<Duration>,
}

impl Recorder {
    /// Notes a request.
    pub fn note(&mut self, request: Seen) {
        let visits = self.paths.entry(request.path().to_owned()).or_default();
        visits.count += 1;
        if visits.arrivals.len() == ARRIVALS {
            visits.arrivals.pop_front();
        }
        visits.arrivals.push_back(clock::now());
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
    pub fn counts(&self) -> BTreeMap<String, u64> {
        self.paths.iter().map(|(path, visits)| (path.clone(), visits.count)).collect()
    }

    /// When requests came since `moment`, by path, oldest first; of each path
    /// the latest [`ARRIVALS`] at most.
    pub fn arrivals(&self, moment: Duration) -> BTreeMap<String, Vec<Duration>> {
        let since = |visits: &Visits| {
            let first = visits.arrivals.partition_point(|arrival| *arrival < moment);
            visits.arrivals.range(first..).copied().collect()
        };
        self.paths.iter().map(|(path, visits)| (path.clone(), since(visits))).collect()
    }
}
