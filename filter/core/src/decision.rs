//! What the filter does with a probe.

use crate::base::metric::MetricIndex;
use crate::header_map::{self, Pairs};
use std::rc::Rc;

/// What happens to a recognised probe.
#[derive(Debug, PartialEq, Eq)]
pub enum Decision {
    /// It is ordinary traffic after all.
    NotAProbe,
    /// It goes to the application, with these edits to its headers.
    Forward(HeaderEdits),
    /// The proxy answers it; the application sees nothing.
    Reply(Reply),
    /// It waits until the answer is there that another probe fetches.
    Wait,
}

/// Edits to the headers of a message: first what is removed, then what is set.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct HeaderEdits {
    /// Headers to remove.
    pub remove: Vec<&'static str>,
    /// Headers to set, in place of all values they had.
    pub set: Vec<(&'static str, Vec<u8>)>,
}

impl HeaderEdits {
    /// Adds a header to set.
    pub fn set(&mut self, name: &'static str, value: impl Into<Vec<u8>>) {
        self.set.push((name, value.into()));
    }
}

/// An edit to a piece of a message's body.
#[derive(Debug, PartialEq, Eq)]
pub enum BodyEdit {
    /// It passes as it is.
    Keep,
    /// This stands in its place.
    Replace(Vec<u8>),
    /// This stands in its place and ends the message, as an answer of gRPC with this
    /// status.
    End(Vec<u8>, u32),
}

/// An answer that the proxy gives by itself.
#[derive(Debug, PartialEq, Eq)]
pub struct Reply {
    /// The HTTP status. To a call of gRPC Envoy sends 200 instead, and this one only to
    /// a client that doesn't speak gRPC: one behind a transcoder.
    pub status: u16,
    /// The headers, without `content-length`, which Envoy sets.
    pub headers: HeaderBlock,
    /// The body; Envoy leaves it out of the answer to a HEAD. To a call of gRPC
    /// it is the message of the status.
    pub body: Vec<u8>,
    /// The status of a call of gRPC, which gets nothing else; `None` for HTTP.
    pub grpc_status: Option<u32>,
    /// The reason, for `%RESPONSE_CODE_DETAILS%`: one of [`crate::base::outcome::details`].
    pub details: &'static str,
}

/// The headers of a reply, as [`header_map`] writes them: an answer that is always the
/// same has them ready.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct HeaderBlock(Rc<[u8]>);

impl HeaderBlock {
    /// What the host is to be given.
    pub fn as_bytes(&self) -> &[u8] {
        &self.0
    }

    /// The headers, one by one.
    pub fn pairs(&self) -> Pairs<'_> {
        header_map::pairs(&self.0)
    }
}

impl From<Vec<(&'static str, Vec<u8>)>> for HeaderBlock {
    fn from(headers: Vec<(&'static str, Vec<u8>)>) -> Self {
        Self(header_map::serialize(&headers).into())
    }
}

/// What is to be shown to people.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct Signals {
    /// Counters to raise by one.
    pub raise: Vec<MetricIndex>,
    /// Gauges to set.
    pub set: Vec<(MetricIndex, u64)>,
    /// Lines for the log, as warnings.
    pub log: Vec<String>,
}

impl Signals {
    /// Whether there is nothing to show.
    pub fn is_empty(&self) -> bool {
        let Self { raise, set, log } = self;
        raise.is_empty() && set.is_empty() && log.is_empty()
    }
}
