//! Expected text: exact, or a regular expression to be found in it.

use std::fmt;

use regex::Regex;
use serde::Deserialize;

/// Longer text is cut in reports.
const SHOWN: usize = 400;

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

/// What a report shows of `text`.
pub fn cut(text: &str) -> String {
    let mut shown = format!("{:?}", text.chars().take(SHOWN).collect::<String>());
    if text.chars().nth(SHOWN).is_some() {
        shown.push('…');
    }
    shown
}

/// One thing or a list of them.
#[derive(Clone, Debug, Deserialize)]
#[serde(untagged, expecting = "one value or a list of them")]
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

impl<T: PartialEq + fmt::Display> OneOrMany<T> {
    /// What is wrong with `got` if it should be any of them.
    pub fn fault(&self, what: &str, got: &T) -> Option<String> {
        if self.as_slice().contains(got) {
            return None;
        }
        let expected: Vec<_> = self.as_slice().iter().map(T::to_string).collect();
        Some(format!("{what}: expected {}, got {got}", expected.join(" or ")))
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
    fn any_of_several_will_do() {
        let either = OneOrMany::Many(vec![503, 504]);
        assert_eq!(either.fault("status", &504), None);
        assert_eq!(either.fault("status", &200).unwrap(), "status: expected 503 or 504, got 200");
        assert_eq!(
            OneOrMany::One(503).fault("status", &504).unwrap(),
            "status: expected 503, got 504"
        );
    }

    #[test]
    fn long_text_is_cut() {
        assert_eq!(cut("a\"b"), r#""a\"b""#);
        assert!(cut(&"a".repeat(SHOWN + 1)).ends_with("aa\"…"));
    }

    #[test]
    fn a_regular_expression_is_searched() {
        assert!(pattern("~^o.$").is("ok"));
        assert!(!pattern("~^o.$").is("not ok"));
        assert!(Pattern::try_from("~(".to_owned()).is_err());
    }
}
