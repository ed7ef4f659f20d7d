//! A single question to Envoy.

use crate::client::{grpc, http};

/// What is asked.
#[derive(Clone, Debug)]
#[allow(missing_docs, reason = "named after its protocol")]
pub enum Question {
    Http(http::Request, http::Version),
    Grpc(grpc::Call),
}
