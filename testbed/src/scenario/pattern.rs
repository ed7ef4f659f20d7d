//! Expected text: exact, or a regular expression to be found in it.

use std::fmt;

use regex::Regex;
use serde::Deserialize;

/// Expected text.
#[derive(Clone, Debug, Deserialize)]
#[serde(try_from = "String")]
pub enum Pattern {
    /// This text.
    Exact(String),
    /// Text in which this is found; written with a `~` before it.
    Regex(Regex),
}

impl Pattern {
    /// Whether `text` is as expected.
    pub fn is(&self, text: &str) -> bool {
        match self {
            Self::Exact(expected) => text == expected,
            Self::Regex(regex) => regex.is_match(text),
        }
    }

    /// Whether what is expected stands somewhere in `text`.
    pub fn is_in(&self, text: &str) -> bool {
        match self {
            Self::Exact(expected) => text.contains(expected),
            Self::Regex(regex) => regex.is_match(text),
        }
    }
}

impl TryFrom<String> for Pattern {
    type Error = regex::Error;

    fn try_from(text: String) -> Result<Self, Self::Error> {
        Ok(match text.strip_prefix('~') {
            Some(regex) => Self::Regex(Regex::new(regex)?),
            None => Self::Exact(text),
        })
    }
}

impl fmt::Display for Pattern {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Exact(text) => write!(f, "{text:?}"),
            Self::Regex(regex) => write!(f, "/{regex}/"),
        }
    }
}

/// One thing or a list of them.
#[derive(Clone, Debug, Deserialize)]
#[serde(untagged, expecting = "a string or a list of strings")]
pub enum OneOrMany<T> {
    /// One.
    One(T),
    /// Any number.
    Many(Vec<T>),
}

impl<T> OneOrMany<T> {
    /// All of them.
    pub fn as_slice(&self) -> &[T] {
        match self {
            Self::One(one) => std::slice::from_ref(one),
            Self::Many(many) => many,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn pattern(text: &str) -> Pattern {
        Pattern::try_from(text.to_owned()).unwrap()
    }

    #[test]
    fn exact_text_is_the_whole_text() {
        assert!(pattern("ok").is("ok"));
        assert!(!pattern("ok").is("ok\n"));
        assert!(pattern("ok").is_in("not ok"));
        assert!(!pattern("ok").is_in("no"));
    }

    #[test]
    fn a_regular_expression_is_searched() {
        assert!(pattern("~^o.$").is("ok"));
        assert!(!pattern("~^o.$").is("not ok"));
        assert!(Pattern::try_from("~(".to_owned()).is_err());
    }
}
