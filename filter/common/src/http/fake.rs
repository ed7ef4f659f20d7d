//! A request in a test.

use super::request::RequestHead;
use std::borrow::Cow;

/// A request in a test: the headers that it has, and its properties among them.
pub struct FakeRequest(pub Vec<(&'static str, Vec<u8>)>);

const PROPERTIES: [&str; 3] = ["cluster", "protocol", "route"];

impl FakeRequest {
    /// With nothing but a method and a path.
    pub fn new(method: &str, path: &str) -> Self {
        Self(vec![(":method", method.into()), (":path", path.into())])
    }

    /// A call of a method of `grpc.health.v1.Health`.
    pub fn grpc(method: &str) -> Self {
        Self::new("POST", &format!("/grpc.health.v1.Health/{method}"))
            .with("content-type", "application/grpc")
    }

    /// With one header, or one property, more.
    pub fn with(mut self, name: &'static str, value: impl Into<Vec<u8>>) -> Self {
        self.0.push((name, value.into()));
        self
    }

    fn property(&self, name: &str) -> Option<Vec<u8>> {
        self.header_values(name).into_iter().next()
    }
}

impl RequestHead for FakeRequest {
    fn header(&self, name: &str) -> Option<Cow<'_, [u8]>> {
        self.header_values(name).into_iter().next().map(Cow::Owned)
    }

    fn header_values(&self, name: &str) -> Vec<Vec<u8>> {
        let named = self.0.iter().filter(|(known, _)| *known == name);
        named.map(|(_, value)| value.clone()).collect()
    }

    fn all_headers(&self, such: impl Fn(&[u8], &[u8]) -> bool) -> bool {
        let is_property = |name: &str| name.contains('.') || PROPERTIES.contains(&name);
        let mut headers = self.0.iter().filter(|(name, _)| !is_property(name));
        headers.all(|(name, value)| such(name.as_bytes(), value))
    }

    fn route(&self) -> Option<Vec<u8>> {
        self.property("route")
    }

    fn source_address(&self) -> Option<Vec<u8>> {
        self.property("source.address")
    }

    fn filter_state(&self, name: &str) -> Option<Vec<u8>> {
        self.property(name)
    }

    fn peer_uri_san(&self) -> Option<Vec<u8>> {
        self.property("peer.uri_san")
    }

    fn cluster(&self) -> Option<Vec<u8>> {
        self.property("cluster")
    }

    fn protocol(&self) -> Option<Vec<u8>> {
        self.property("protocol")
    }

    fn marks(&self) -> Option<Vec<u8>> {
        self.property("marks")
    }
}
