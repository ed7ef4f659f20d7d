//! A request as the filter would meet it in Envoy.

use std::borrow::Cow;

use heartbeat_core::RequestHead;
use heartbeat_core::http::edits::HeaderEdits;

/// Bytes by name, in order.
pub type Fields = Vec<(String, Vec<u8>)>;

/// A request, and what Envoy knows of who sends it and where it goes.
#[derive(Clone, Debug, Default)]
pub struct Request {
    /// Its headers, pseudo-headers first.
    pub headers: Fields,
    /// Its body.
    pub body: Option<Vec<u8>>,
    /// `%DOWNSTREAM_REMOTE_ADDRESS%`.
    pub source: Vec<u8>,
    /// The first URI of the client's certificate.
    pub principal: Option<Vec<u8>>,
    /// What other filters have noted.
    pub filter_state: Fields,
    /// The cluster that its route leads to.
    pub cluster: Vec<u8>,
    /// The name of that route.
    pub route: Vec<u8>,
    /// `HTTP/1.1`, for instance.
    pub protocol: Vec<u8>,
    /// Envoy doesn't show the filter the body before it has decided.
    pub is_hidden: bool,
}

/// What has this name.
pub fn value<'f>(fields: &'f Fields, name: &str) -> Option<&'f [u8]> {
    fields.iter().find(|(known, _)| known == name).map(|(_, value)| value.as_slice())
}

/// Makes the edits to a message's headers that the filter has made.
pub fn edit(fields: &mut Fields, edits: HeaderEdits) {
    fields.retain(|(name, _)| !edits.remove.contains(&name.as_str()));
    for (name, value) in edits.set {
        set(fields, name, value);
    }
}

/// Sets a header, in place of all values that it had.
pub fn set(fields: &mut Fields, name: &str, value: Vec<u8>) {
    let first = fields.iter().position(|(known, _)| known == name);
    fields.retain(|(known, _)| known != name);
    let place = first.unwrap_or(fields.len()).min(fields.len());
    fields.insert(place, (name.to_owned(), value));
}

impl RequestHead for Request {
    fn header(&self, name: &str) -> Option<Cow<'_, [u8]>> {
        value(&self.headers, name).map(Cow::Borrowed)
    }

    fn header_values(&self, name: &str) -> Vec<Vec<u8>> {
        let named = self.headers.iter().filter(|(known, _)| known == name);
        named.map(|(_, value)| value.clone()).collect()
    }

    fn all_headers(&self, such: impl Fn(&[u8], &[u8]) -> bool) -> bool {
        self.headers.iter().all(|(name, value)| such(name.as_bytes(), value))
    }

    fn source_address(&self) -> Option<Vec<u8>> {
        Some(self.source.clone())
    }

    fn filter_state(&self, name: &str) -> Option<Vec<u8>> {
        value(&self.filter_state, name).map(<[u8]>::to_vec)
    }

    fn peer_uri_san(&self) -> Option<Vec<u8>> {
        self.principal.clone()
    }

    fn cluster(&self) -> Option<Vec<u8>> {
        Some(self.cluster.clone())
    }

    fn route(&self) -> Option<Vec<u8>> {
        Some(self.route.clone())
    }

    fn protocol(&self) -> Option<Vec<u8>> {
        Some(self.protocol.clone())
    }

    fn marks(&self) -> Option<Vec<u8>> {
        None
    }
}
