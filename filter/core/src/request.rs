//! What the core may ask about a request.

/// The head of a request, read on demand.
///
/// Inside Envoy every call crosses from the module into the host, so the core
/// asks only for what it needs, in the order that lets an ordinary request go
/// first. Values are bytes: HTTP doesn't promise UTF-8.
pub trait RequestHead {
    /// The value of a header, or of a pseudo-header such as `:path`.
    fn header(&self, name: &str) -> Option<Vec<u8>>;

    /// The request target, with its query string.
    fn path(&self) -> Option<Vec<u8>> {
        self.header(":path")
    }

    /// The request method.
    fn method(&self) -> Option<Vec<u8>> {
        self.header(":method")
    }
}

/// The path of a request target, without the query string.
pub fn without_query(target: &[u8]) -> &[u8] {
    target.split(|&byte| byte == b'?').next().unwrap_or(target)
}

/// A request in a test: the headers that it has.
#[cfg(test)]
pub(crate) struct FakeRequest(pub Vec<(&'static str, Vec<u8>)>);

#[cfg(test)]
impl FakeRequest {
    pub(crate) fn new(method: &str, path: &str) -> Self {
        Self(vec![(":method", method.into()), (":path", path.into())])
    }

    pub(crate) fn grpc(method: &str) -> Self {
        Self::new("POST", &format!("/grpc.health.v1.Health/{method}"))
            .with("content-type", "application/grpc")
    }

    pub(crate) fn with(mut self, name: &'static str, value: impl Into<Vec<u8>>) -> Self {
        self.0.push((name, value.into()));
        self
    }
}

#[cfg(test)]
impl RequestHead for FakeRequest {
    fn header(&self, name: &str) -> Option<Vec<u8>> {
        self.0.iter().find(|(known, _)| *known == name).map(|(_, value)| value.clone())
    }
}
