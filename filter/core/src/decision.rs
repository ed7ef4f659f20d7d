//! What the filter does with a probe.

use crate::outcome::Outcome;

/// What happens to a recognised probe.
#[derive(Debug, PartialEq, Eq)]
pub enum Decision {
    /// It goes to the application, with these edits to its headers.
    Forward(HeaderEdits),
    /// The proxy answers it; the application sees nothing.
    Reply(Reply),
}

/// Edits to the headers of a message: first what is removed, then what is set.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct HeaderEdits {
    /// Headers to remove.
    pub remove: Vec<&'static str>,
    /// Headers to set, in place of all values they had.
    pub set: Vec<(&'static str, String)>,
}

impl HeaderEdits {
    /// Adds a header to set.
    pub fn set(&mut self, name: &'static str, value: impl Into<String>) {
        self.set.push((name, value.into()));
    }
}

/// An answer that the proxy gives by itself.
#[derive(Debug, PartialEq, Eq)]
pub struct Reply {
    /// The HTTP status.
    pub status: u16,
    /// The headers, without `content-length`, which Envoy sets.
    pub headers: Vec<(&'static str, String)>,
    /// The body; Envoy leaves it out of the answer to a HEAD.
    pub body: Vec<u8>,
    /// The reason, for `%RESPONSE_CODE_DETAILS%`: one of [`crate::outcome::details`].
    pub details: &'static str,
    /// How the probe ended by it.
    pub outcome: Outcome,
}
