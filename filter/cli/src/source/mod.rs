//! Files, the configurations in them, and where in them each value stands.

mod bare;
mod document;
mod fault;
mod file;
mod find;
mod found;
mod json;
mod loaded;
mod scalar;
mod text;
mod tree;
mod variables;
mod yaml;

pub use bare::is_something_else;
pub use document::Document;
pub use file::{File, Unreadable};
pub use find::find;
pub use found::{Found, Kind};
pub use loaded::{Form, Loaded};
pub use text::{Position, Text};
pub use tree::{Member, Node, Number, Reader, Scalar, Style, Value};
pub use variables::Variables;

#[cfg(test)]
mod tests;
