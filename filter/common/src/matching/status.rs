//! Conditions on the HTTP status.

use std::fmt;

/// `200` or `2xx`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum StatusPattern {
    /// One status.
    Code(u16),
    /// A class of statuses, by its first digit.
    Class(u16),
}

impl StatusPattern {
    /// Whether a status belongs to it.
    pub fn matches(self, status: u16) -> bool {
        match self {
            Self::Code(code) => status == code,
            Self::Class(class) => status / 100 == class,
        }
    }
}

impl fmt::Display for StatusPattern {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Code(code) => write!(formatter, "{code}"),
            Self::Class(class) => write!(formatter, "{class}xx"),
        }
    }
}
