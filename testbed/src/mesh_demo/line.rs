//! A line of the table.

use std::time::Duration;

/// What came of an event.
#[derive(Clone, Debug, Default)]
pub struct Line {
    /// What it is called.
    pub name: &'static str,
    /// When the hub's verdict on the instance first changed, and to what.
    pub notice: Option<(Duration, String)>,
    /// When it was the verdict that it had to be, and which that is.
    pub verdict: Option<(Duration, String)>,
    /// When the last request went to an instance that traffic leaves, or the first one to
    /// another.
    pub moved: Option<Duration>,
    /// How many requests were sent meanwhile.
    pub sent: usize,
    /// How many of those failed.
    pub failed: usize,
    /// What isn't as it should be.
    pub wrong: Vec<String>,
}

impl Line {
    /// Whether all is as it should be.
    pub fn is_right(&self) -> bool {
        self.wrong.is_empty()
    }
}
