//! Hubs as they are shipped, Envoys that follow them, instances that are judged, and
//! sources that judge them.
//!
//! Sources are told apart by the address that they connect from, each of its own within
//! 127.0.0.0/8, as [`Source`] does; who follows a hub shows a certificate, as in the shipped
//! configurations.

mod authority;
mod bridge;
mod broker;
mod client;
mod discovery;
mod events;
mod grpc_server;
mod hub;
mod instances;
mod receiver;
mod sidecar;

pub use self::authority::authority;
pub use self::bridge::Bridge;
pub use self::broker::{Broker, Device};
pub use self::client::{Client, Sampler};
pub use self::discovery::{ASSIGNMENT, discovery, discovery_of, health_of, version_of};
pub use self::events::{Source, event};
pub use self::grpc_server::GrpcServer;
pub use self::hub::{Hub, PAGE, Place, envoy_of_hub, heat_map, with_variables, with_vm_config};
pub use self::instances::Instances;
pub use self::receiver::Receiver;
pub use self::sidecar::envoy_of_sidecar;
