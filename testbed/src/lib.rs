//! The testbed of Heartbeat Filter.
//!
//! - [`app`]: a demo application whose health and behaviour are set at run time.
//! - [`envoy`]: real Envoys, started from the shipped configurations.
//! - [`apart`]: a machine of its own for programs that want fixed ports and paths.
//! - [`hosts`]: real hosts, the containers of `testbed/compose.yaml`.
//! - [`client`]: HTTP and gRPC health clients.
//! - [`manifest`]: the Kubernetes resources that are shipped, and their schemas.
//! - [`page`]: the examples in the documentation.
//! - [`metrics`]: what Envoy's Prometheus endpoint says.
//! - [`prometheus`]: a real Prometheus that scrapes it, and what is shipped for one.
//! - [`fleet`]: services that call each other, and a Prometheus that looks on.
//! - [`mesh`]: hubs, and what is judged, told and asked around them.
//! - [`registry`]: a real registry of images.
//! - [`demo`]: the filter's main job on one screen, and the same to play with.
//! - [`mesh_demo`]: the hub's, on another.
//! - [`report`]: the pictures that the demos leave behind.
//! - [`observability`]: pages of what any Prometheus knows.
//! - [`bench`]: what the filter costs, beside the alternatives.
//! - [`scenario`]: the behaviour of the filter, written in YAML and run on all of the above.

pub mod apart;
pub mod app;
pub mod bench;
pub mod browser;
pub mod child;
pub mod client;
mod clock;
pub mod demo;
pub mod envoy;
pub mod example;
pub mod fleet;
mod grpc_list;
pub mod hosts;
pub mod latin1;
pub mod manifest;
pub mod mesh;
pub mod mesh_demo;
pub mod metrics;
pub mod observability;
mod open_files;
pub mod page;
pub mod prometheus;
pub mod registry;
pub mod report;
pub mod scenario;
mod screen;
mod signals;
pub mod size;
pub mod tools;
