//! A request that is over.

use heartbeat_core::base::time::Nanos;
use heartbeat_core::{Ending, RequestHead, ResponseHead};

use super::request::Request;
use super::response::Response;

/// A request that is over.
#[derive(Debug)]
pub struct Past<'a> {
    /// As filters have left it.
    pub request: &'a Request,
    /// Its answer.
    pub response: &'a Response,
    /// How long it took, in nanoseconds.
    pub took: Nanos,
}

impl Ending for Past<'_> {
    fn request(&self) -> &impl RequestHead {
        self.request
    }

    fn response(&self) -> &impl ResponseHead {
        self.response
    }

    fn grpc_status(&self) -> Option<u32> {
        self.response.grpc_status()
    }

    fn route(&self) -> Option<Vec<u8>> {
        Some(self.request.route.clone())
    }

    fn duration(&self) -> Option<Nanos> {
        Some(self.took)
    }

    fn request_bytes(&self) -> Option<u64> {
        Some(self.request.body.as_ref().map_or(0, Vec::len) as u64)
    }

    fn response_bytes(&self) -> Option<u64> {
        Some(self.response.body.len() as u64)
    }

    fn tls_version(&self) -> Option<Vec<u8>> {
        self.is_mtls().then(|| b"TLSv1.3".to_vec())
    }

    fn is_mtls(&self) -> bool {
        self.request.principal.is_some()
    }
}
