//! Files, the configurations in them, and where in them each value stands.

mod document;
mod fault;
mod file;
mod find;
mod found;
mod json;
mod scalar;
mod text;
mod tree;
mod yaml;

pub use document::Document;
pub use file::{File, Unreadable};
pub use find::find;
pub use found::{Found, Kind};
pub use text::{Position, Text};
pub use tree::{Member, Node, Scalar, Style, Value};

#[cfg(test)]
mod tests;
