//! What is wrong with a text.

use super::tree::{DEEPEST, MOST_NODES};

/// What is wrong with a text, and at which of its bytes.
pub struct Fault {
    pub at: usize,
    pub problem: String,
}

impl Fault {
    pub fn too_many_values(at: usize) -> Self {
        let problem = format!("holds more than {MOST_NODES} values, which no configuration does");
        Self { at, problem }
    }

    pub fn too_deep(at: usize) -> Self {
        let problem = format!("nests deeper than {DEEPEST} levels, which no configuration does");
        Self { at, problem }
    }
}
