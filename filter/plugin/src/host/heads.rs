//! What the core may ask about a stream: its request, its response, and how it ended.

use super::{grpc_status, header, headers, number, property, request_size};
use crate::abi::MapType;
use heartbeat_core::header_map::pairs;
use heartbeat_core::time::Nanos;
use heartbeat_core::{Ending, RequestHead, ResponseHead};
use std::borrow::Cow;

/// The head of the stream's request. It can be read while request headers are
/// processed and in `on_log`.
pub struct Request;

impl RequestHead for Request {
    fn header(&self, name: &str) -> Option<Cow<'_, [u8]>> {
        header(MapType::HttpRequestHeaders, name).map(Cow::Owned)
    }

    fn header_values(&self, name: &str) -> Vec<Vec<u8>> {
        values(&headers(MapType::HttpRequestHeaders), name)
    }

    fn source_address(&self) -> Option<Vec<u8>> {
        property(&["source", "address"])
    }

    fn peer_uri_san(&self) -> Option<Vec<u8>> {
        property(&["connection", "uri_san_peer_certificate"])
    }

    fn cluster(&self) -> Option<Vec<u8>> {
        property(&["xds", "cluster_name"])
    }

    fn protocol(&self) -> Option<Vec<u8>> {
        property(&["request", "protocol"])
    }
}

/// The head of the stream's request, all headers of which were read at once: that is
/// cheaper than to ask for two of them.
pub struct RequestHeaders(Vec<u8>);

impl RequestHeaders {
    /// Reads them as they are now.
    pub fn read() -> Self {
        Self(headers(MapType::HttpRequestHeaders))
    }
}

impl RequestHead for RequestHeaders {
    fn header(&self, name: &str) -> Option<Cow<'_, [u8]>> {
        pairs(&self.0).values(name).next().map(Cow::Borrowed)
    }

    fn header_values(&self, name: &str) -> Vec<Vec<u8>> {
        values(&self.0, name)
    }

    fn source_address(&self) -> Option<Vec<u8>> {
        Request.source_address()
    }

    fn peer_uri_san(&self) -> Option<Vec<u8>> {
        Request.peer_uri_san()
    }

    fn cluster(&self) -> Option<Vec<u8>> {
        Request.cluster()
    }

    fn protocol(&self) -> Option<Vec<u8>> {
        Request.protocol()
    }
}

fn values(headers: &[u8], name: &str) -> Vec<Vec<u8>> {
    pairs(headers).values(name).map(<[u8]>::to_vec).collect()
}

/// The head of the stream's response.
pub struct Response;

impl ResponseHead for Response {
    fn header(&self, name: &str) -> Option<Vec<u8>> {
        header(MapType::HttpResponseHeaders, name)
    }

    fn header_values(&self, name: &str) -> Vec<Vec<u8>> {
        values(&headers(MapType::HttpResponseHeaders), name)
    }

    fn code_details(&self) -> Option<Vec<u8>> {
        property(&["response", "code_details"])
    }
}

/// The stream, as `on_log` finds it.
pub struct Over;

impl Ending for Over {
    fn request(&self) -> &impl RequestHead {
        &Request
    }

    fn response(&self) -> &impl ResponseHead {
        &Response
    }

    fn grpc_status(&self) -> Option<u32> {
        grpc_status()
    }

    fn route(&self) -> Option<Vec<u8>> {
        property(&["xds", "route_name"])
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
