//! Clients that probe: plain HTTP, and gRPC health by several implementations.

mod body;
pub mod connection;
pub mod grpc;
pub mod http;
mod message;
pub mod peer;
pub mod tls;
