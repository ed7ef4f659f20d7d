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
    /// The bytes at which it merges keys (`<<`).
    pub merges: Rc<[usize]>,
}

impl Document {
    /// One that merges nothing.
    pub fn new(text: &Rc<Text>, root: Rc<Node>) -> Self {
        Self { text: Rc::clone(text), root, merges: Rc::default() }
    }

    /// A part of it.
    pub fn part(&self, node: &Rc<Node>) -> Self {
        Self { root: Rc::clone(node), ..self.clone() }
    }

    /// Where a node of it stands in the file.
    pub fn position(&self, node: &Node) -> Position {
        self.text.position(node.at)
    }
}
