//! What came back, by HTTP or by gRPC.

use std::time::Duration;

use crate::client::{grpc, http};

/// An answer, or why there is none, HTTP or gRPC alike.
#[derive(Clone, Debug, Default)]
pub struct Answer {
    /// The HTTP status; of a gRPC call the serving status, or the code unless
    /// that is OK; or what kept an answer from coming.
    pub status: String,
    /// Headers or metadata.
    pub headers: Vec<(String, String)>,
    /// From connecting to the end of the answer.
    pub elapsed: Duration,
}

impl From<http::Response> for Answer {
    fn from(response: http::Response) -> Self {
        Self {
            status: response.status.to_string(),
            headers: response.headers,
            elapsed: response.elapsed,
        }
    }
}

impl From<grpc::Answer> for Answer {
    fn from(answer: grpc::Answer) -> Self {
        let status = if answer.code == "OK" { answer.statuses.join(" ") } else { answer.code };
        Self { status, headers: answer.metadata, elapsed: answer.elapsed }
    }
}
