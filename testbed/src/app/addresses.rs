//! Where the application is found.

use std::net::SocketAddr;

use serde::{Deserialize, Serialize};

/// Where the application listens.
#[derive(Clone, Copy, Debug, Serialize, Deserialize)]
pub struct Addresses {
    /// The HTTP routes.
    pub http: SocketAddr,
    /// The gRPC health service.
    pub grpc: SocketAddr,
    /// The control port.
    pub control: SocketAddr,
}
