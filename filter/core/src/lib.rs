//! Every decision of Heartbeat Filter.
//!
//! This crate takes values and `now`, and returns values. It knows no host, no
//! clock and no I/O, so the same code runs natively in its tests, under
//! wasm-bindgen-test, and inside Envoy.
//!
//! The way of a request:
//!
//! 1. [`Policy::match_request`] finds the probe rule that a request matches, if any;
//! 2. an [`Exchange`] follows the probe: it says what happens to it (a
//!    [`Decision`]), what the prober is told about the answer, and how it ended.
//!
//! A [`Policy`] is compiled from the plugin configuration, once, by
//! [`Policy::from_bytes`]. What all workers know together is [`state`].

pub mod background;
pub mod config;
pub mod counters;
pub mod evidence;
pub mod exchange;
pub mod facts;
pub mod format;
pub mod guards;
pub mod inspect;
pub mod policy;
pub mod probe;
pub mod publish;
pub mod score;

pub use heartbeat_common::{base, callout, clients, grpc, http, matching, reader, state};

pub use base::environment::Environment;
pub use base::outcome::{Outcome, Verdict};
pub use base::signals::Signals;
pub use config::{Config, ConfigErrors};
pub use exchange::Exchange;
pub use exchange::decision::Decision;
pub use http::completed::Completed;
pub use http::edits::{BodyEdit, HeaderEdits, Reply};
pub use http::request::{Ending, RequestHead, ResponseHead};
pub use policy::Policy;
pub use probe::Probe;
