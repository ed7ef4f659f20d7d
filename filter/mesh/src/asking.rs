//! The sources that the hub asks, rather than hears from.

pub use rule::{Asks, GrpcAsk, HttpAsk, HubAsk};

mod rule;
