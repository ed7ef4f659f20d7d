//! A host that costs next to nothing.

use std::borrow::Cow;
use std::cell::RefCell;
use std::collections::BTreeMap;

use heartbeat_core::state::{SharedStore, Version};
use heartbeat_core::{Ending, RequestHead, ResponseHead};

/// A request whose headers cost little to read.
pub struct Request {
    path: String,
    host: String,
    headers: Vec<(&'static str, Vec<u8>)>,
}

impl Request {
    pub fn get(path: &str) -> Self {
        Self { path: path.to_owned(), host: "app".to_owned(), headers: Vec::new() }
    }

    pub fn with(mut self, name: &'static str, value: &str) -> Self {
        self.headers.push((name, value.into()));
        self
    }

    pub fn at_host(self, host: &str) -> Self {
        Self { host: host.to_owned(), ..self }
    }
}

impl RequestHead for Request {
    fn header(&self, name: &str) -> Option<Cow<'_, [u8]>> {
        let value = match name {
            ":path" => self.path.as_str(),
            ":method" => "GET",
            ":authority" => self.host.as_str(),
            name => {
                let mut named = self.headers.iter().filter(|(known, _)| *known == name);
                return named.next().map(|(_, value)| Cow::Borrowed(value.as_slice()));
            }
        };
        Some(Cow::Borrowed(value.as_bytes()))
    }

    fn header_values(&self, name: &str) -> Vec<Vec<u8>> {
        let named = self.headers.iter().filter(|(known, _)| *known == name);
        named.map(|(_, value)| value.clone()).collect()
    }

    fn all_headers(&self, such: impl Fn(&[u8], &[u8]) -> bool) -> bool {
        let names = [":path", ":method", ":authority"];
        names.iter().all(|name| such(name.as_bytes(), &self.header(name).unwrap_or_default()))
    }

    fn source_address(&self) -> Option<Vec<u8>> {
        None
    }

    fn peer_uri_san(&self) -> Option<Vec<u8>> {
        None
    }

    fn cluster(&self) -> Option<Vec<u8>> {
        Some(b"app".to_vec())
    }

    fn protocol(&self) -> Option<Vec<u8>> {
        Some(b"HTTP/1.1".to_vec())
    }

    fn marks(&self) -> Option<Vec<u8>> {
        None
    }
}

/// The application's answer: 200, and some text.
pub struct Response;

impl ResponseHead for Response {
    fn header(&self, name: &str) -> Option<Vec<u8>> {
        match name {
            ":status" => Some(b"200".to_vec()),
            "content-type" => Some(b"text/plain".to_vec()),
            _ => None,
        }
    }

    fn code_details(&self) -> Option<Vec<u8>> {
        Some(b"via_upstream".to_vec())
    }
}

/// A request that is over.
pub struct CompletedStream(pub Request);

impl Ending for CompletedStream {
    fn request(&self) -> &impl RequestHead {
        &self.0
    }

    fn response(&self) -> &impl ResponseHead {
        &Response
    }

    fn grpc_status(&self) -> Option<u32> {
        None
    }

    fn route(&self) -> Option<Vec<u8>> {
        None
    }

    fn duration(&self) -> Option<u64> {
        None
    }

    fn request_bytes(&self) -> Option<u64> {
        None
    }

    fn response_bytes(&self) -> Option<u64> {
        None
    }

    fn tls_version(&self) -> Option<Vec<u8>> {
        None
    }

    fn is_mtls(&self) -> bool {
        false
    }
}

/// Shared data of one worker.
#[derive(Default)]
pub struct Store(RefCell<BTreeMap<String, (Vec<u8>, u32)>>);

impl SharedStore for Store {
    fn read(&self, key: &str) -> Option<(Vec<u8>, Version)> {
        let values = self.0.borrow();
        values.get(key).map(|(value, version)| (value.clone(), Version(*version)))
    }

    fn write(&self, key: &str, value: &[u8], _: Version) -> bool {
        let mut values = self.0.borrow_mut();
        let version = values.get(key).map_or(1, |(_, version)| version + 1);
        values.insert(key.to_owned(), (value.to_vec(), version));
        true
    }
}
