//! Statuses, as the configuration names them.

use crate::base::units::parse_digits;
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

pub(super) fn status_pattern(text: &str) -> Result<StatusPattern, String> {
    let class = text.strip_suffix("xx").and_then(parse_digits);
    let code = parse_digits(text).filter(|_| text.len() == 3);
    match (class, code) {
        (Some(class @ 1..=5), _) => Ok(StatusPattern::Class(class)),
        (_, Some(code @ 100..=599)) => Ok(StatusPattern::Code(code)),
        _ => Err(r#"is not a status; write it like "200" or "2xx""#.to_owned()),
    }
}
