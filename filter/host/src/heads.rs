//! What the core may ask about a stream: its request, its response, and how it ended.

use crate::abi::MapType;
use crate::marks::marks;
use crate::memory;
use crate::stream::{grpc_status, request_size};
use crate::values::{header, headers, number, property};
use heartbeat_common::base::time::Nanos;
use heartbeat_common::http::header_map::HeaderMap;
use heartbeat_common::http::request::{Ending, RequestHead, ResponseHead};
use std::borrow::Cow;
use std::cell::OnceCell;

/// The headers of a message, all of which are read when the first is asked for: that
/// is cheaper than to read two of them.
struct LazyHeaders {
    of: MapType,
    read: OnceCell<HeaderMap>,
}

impl LazyHeaders {
    fn of(map: MapType) -> Self {
        Self { of: map, read: OnceCell::new() }
    }

    fn map(&self) -> &HeaderMap {
        self.read.get_or_init(|| HeaderMap::new(headers(self.of)))
    }
}

impl Drop for LazyHeaders {
    fn drop(&mut self) {
        self.read.take().into_iter().for_each(|map| memory::recycle(map.into_bytes()));
    }
}

/// Where the stream's route leads, as of the last time that Envoy chose one.
fn cluster() -> Option<Vec<u8>> {
    property(&["xds", "cluster_name"])
}

fn route() -> Option<Vec<u8>> {
    property(&["xds", "route_name"])
}

/// The head of the stream's request, while its headers are processed.
pub struct Request(LazyHeaders);

impl Default for Request {
    fn default() -> Self {
        Self(LazyHeaders::of(MapType::HttpRequestHeaders))
    }
}

impl RequestHead for Request {
    fn header(&self, name: &str) -> Option<Cow<'_, [u8]>> {
        self.0.map().value(name).map(Cow::Borrowed)
    }

    fn header_values(&self, name: &str) -> Vec<Vec<u8>> {
        self.0.map().values(name).map(<[u8]>::to_vec).collect()
    }

    fn any_value(&self, name: &str, such: &mut dyn FnMut(&[u8]) -> bool) -> bool {
        self.0.map().values(name).any(such)
    }

    fn all_headers(&self, such: impl Fn(&[u8], &[u8]) -> bool) -> bool {
        self.0.map().pairs().all(|(name, value)| such(name, value))
    }

    fn source_address(&self) -> Option<Vec<u8>> {
        property(&["source", "address"])
    }

    fn filter_state(&self, name: &str) -> Option<Vec<u8>> {
        property(&["filter_state", name])
    }

    fn peer_uri_san(&self) -> Option<Vec<u8>> {
        property(&["connection", "uri_san_peer_certificate"])
    }

    fn cluster(&self) -> Option<Vec<u8>> {
        cluster()
    }

    fn route(&self) -> Option<Vec<u8>> {
        route()
    }

    fn protocol(&self) -> Option<Vec<u8>> {
        property(&["request", "protocol"])
    }

    fn marks(&self) -> Option<Vec<u8>> {
        marks()
    }
}

/// The same in `on_log`, where nothing is asked of most requests, and then mostly for a
/// header that isn't there: each is read by itself.
#[derive(Default)]
struct PastRequest(Request);

impl RequestHead for PastRequest {
    fn header(&self, name: &str) -> Option<Cow<'_, [u8]>> {
        header(MapType::HttpRequestHeaders, name).map(Cow::Owned)
    }

    fn header_values(&self, name: &str) -> Vec<Vec<u8>> {
        self.0.header_values(name)
    }

    fn source_address(&self) -> Option<Vec<u8>> {
        self.0.source_address()
    }

    fn peer_uri_san(&self) -> Option<Vec<u8>> {
        self.0.peer_uri_san()
    }

    fn cluster(&self) -> Option<Vec<u8>> {
        self.0.cluster()
    }

    fn protocol(&self) -> Option<Vec<u8>> {
        self.0.protocol()
    }

    fn marks(&self) -> Option<Vec<u8>> {
        self.0.marks()
    }
}

/// The head of the stream's response, while its headers are processed.
pub struct Response(LazyHeaders);

impl Default for Response {
    fn default() -> Self {
        Self(LazyHeaders::of(MapType::HttpResponseHeaders))
    }
}

impl ResponseHead for Response {
    fn header(&self, name: &str) -> Option<Vec<u8>> {
        self.0.map().value(name).map(<[u8]>::to_vec)
    }

    fn header_values(&self, name: &str) -> Vec<Vec<u8>> {
        self.0.map().values(name).map(<[u8]>::to_vec).collect()
    }

    fn name_ending(&self, end: &str) -> Option<String> {
        self.0.map().name_ending(end.as_bytes())
    }

    fn code_details(&self) -> Option<Vec<u8>> {
        property(&["response", "code_details"])
    }

    fn cluster(&self) -> Option<Vec<u8>> {
        cluster()
    }

    fn route(&self) -> Option<Vec<u8>> {
        route()
    }
}

/// The same in `on_log`.
#[derive(Default)]
struct PastResponse(Response);

impl ResponseHead for PastResponse {
    fn header(&self, name: &str) -> Option<Vec<u8>> {
        header(MapType::HttpResponseHeaders, name)
    }

    fn header_values(&self, name: &str) -> Vec<Vec<u8>> {
        self.0.header_values(name)
    }

    fn code_details(&self) -> Option<Vec<u8>> {
        self.0.code_details()
    }
}

/// The stream, as `on_log` finds it.
#[derive(Default)]
pub struct CompletedStream(PastRequest, PastResponse, Option<u32>);

impl CompletedStream {
    /// One whose trailers said this as they passed.
    pub fn with(grpc_status: Option<u32>) -> Self {
        Self(PastRequest::default(), PastResponse::default(), grpc_status)
    }
}

impl Ending for CompletedStream {
    fn request(&self) -> &impl RequestHead {
        &self.0
    }

    fn response(&self) -> &impl ResponseHead {
        &self.1
    }

    fn grpc_status(&self) -> Option<u32> {
        self.2.or_else(grpc_status)
    }

    fn route(&self) -> Option<Vec<u8>> {
        route()
    }

    fn duration(&self) -> Option<Nanos> {
        number(&["request", "duration"])
    }

    fn request_bytes(&self) -> Option<u64> {
        // Where the client has announced a size, that is it: of a request that broke
        // off it may be any number, but no more came than this, headers and all.
        Some(number(&["request", "size"])?.min(request_size()))
    }

    fn response_bytes(&self) -> Option<u64> {
        number(&["response", "size"])
    }

    fn tls_version(&self) -> Option<Vec<u8>> {
        property(&["connection", "tls_version"])
    }

    fn is_mtls(&self) -> bool {
        property(&["connection", "mtls"]).is_some_and(|bytes| bytes.first() == Some(&1))
    }
}
