//! What a call comes to, as shells and CI see it.

use std::process::ExitCode;

/// What a call comes to. The order is that of gravity.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Outcome {
    /// All is well. Exit code 0.
    Fine,
    /// There are mistakes. Exit code 1.
    Mistakes,
    /// Something can't be read, or the command line isn't understood. Exit code 2.
    Unreadable,
}

impl From<Outcome> for ExitCode {
    fn from(outcome: Outcome) -> Self {
        match outcome {
            Outcome::Fine => Self::SUCCESS,
            Outcome::Mistakes => Self::from(1),
            Outcome::Unreadable => Self::from(2),
        }
    }
}
