//! Every decision of Heartbeat Filter.
//!
//! This crate takes values and `now`, and returns values. It knows no host, no
//! clock and no I/O, so the same code runs natively in its tests, under
//! wasm-bindgen-test, and inside Envoy.
//!
//! The way of a request:
//!
//! 1. [`Policy::classify`] finds the probe rule that a request matches, if any;
//! 2. [`Probe::decide`] says what happens to it: a [`Decision`];
//! 3. an [`Exchange`] follows it, says what the prober is told about the answer,
//!    and how it ended: an [`Outcome`], for the metrics.
//!
//! A [`Policy`] is compiled from the plugin configuration, once, by
//! [`Policy::from_bytes`].

pub mod config;
pub mod counter;
pub mod decision;
pub mod exchange;
pub mod grpc;
pub mod headers;
pub mod metrics;
pub mod outcome;
pub mod policy;
pub mod probe;
pub mod request;
pub mod time;
pub mod units;

pub use config::{Config, ConfigErrors};
pub use decision::{Decision, HeaderEdits, Reply};
pub use exchange::{Exchange, ResponseHead};
pub use outcome::{Outcome, Verdict};
pub use policy::Policy;
pub use probe::Probe;
pub use request::RequestHead;
