//! The List method of the gRPC health protocol, which tonic-health lacks.

use std::collections::HashMap;

use tonic_health::pb::HealthCheckResponse;

/// The method's path.
pub const PATH: &str = "/grpc.health.v1.Health/List";

/// The request: nothing.
#[derive(Clone, PartialEq, prost::Message)]
pub struct HealthListRequest {}

/// The answer: the health of every service.
#[derive(Clone, PartialEq, prost::Message)]
pub struct HealthListResponse {
    /// By the service's name.
    #[prost(map = "string, message", tag = "1")]
    pub statuses: HashMap<String, HealthCheckResponse>,
}
