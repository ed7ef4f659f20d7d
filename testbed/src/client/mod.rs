//! Clients that probe: plain HTTP, and gRPC health by two implementations.

pub mod connection;
pub mod grpc;
pub mod http;
pub mod peer;
pub mod tls;
