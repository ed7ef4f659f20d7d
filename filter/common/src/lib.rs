//! What the probe plane and the hub both rest on.
//!
//! As pure as they are: values and the moment in, values out. It knows no host, no clock
//! and no I/O.

pub mod base;
pub mod callout;
pub mod clients;
pub mod grpc;
pub mod http;
pub mod matching;
pub mod reader;
#[cfg(all(feature = "schema", not(target_family = "wasm")))]
pub mod schema;
pub mod state;
