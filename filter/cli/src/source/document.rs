//! Documents.

use std::rc::Rc;

use super::text::{Position, Text};
use super::tree::Node;

/// One document of a file, or a part of one.
#[derive(Clone, Debug)]
pub struct Document {
    /// What it was read from.
    pub text: Rc<Text>,
    /// What it holds.
    pub root: Rc<Node>,
}

impl Document {
    /// A part of it.
    pub fn part(&self, node: &Rc<Node>) -> Self {
        Self { text: Rc::clone(&self.text), root: Rc::clone(node) }
    }

    /// Where a node of it stands in the file.
    pub fn position(&self, node: &Node) -> Position {
        self.text.position(node.at)
    }
}
