//! HTTP as Envoy shows it: a request, its response, how both ended, and what is changed
//! in them.

pub mod classify;
pub mod completed;
pub mod edits;
#[cfg(any(test, feature = "fakes"))]
pub mod fake;
pub mod header_map;
pub mod headers;
pub mod request;
