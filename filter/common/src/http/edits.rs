//! What the filter changes in a message, and what it answers by itself.

use crate::http::header_map::{self, Pairs};
use std::rc::Rc;

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
        self.push(name, value.into());
    }

    // Many call it: the module has it once.
    #[inline(never)]
    fn push(&mut self, name: &'static str, value: Vec<u8>) {
        self.set.push((name, value));
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
