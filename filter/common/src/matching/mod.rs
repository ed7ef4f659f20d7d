//! What a request or a response must be like.

pub mod header;
pub mod paths;
pub mod rule;
pub mod status;
