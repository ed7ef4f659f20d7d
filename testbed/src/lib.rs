//! The testbed of Heartbeat Filter.
//!
//! - [`app`]: a demo application whose health and manners are set at run time.
//! - [`envoy`]: real Envoys, started from the shipped configurations.
//! - [`client`]: HTTP and gRPC health clients.
//! - [`metrics`]: what Envoy's Prometheus endpoint says.
//! - [`demo`]: the filter's main job on one screen, and the same to play with.
//! - [`scenario`]: the behaviour of the filter, told in YAML and run on all of the above.

pub mod app;
pub mod child;
pub mod client;
mod clock;
pub mod demo;
pub mod envoy;
pub mod latin1;
pub mod metrics;
mod open_files;
pub mod scenario;
pub mod size;
pub mod tools;
