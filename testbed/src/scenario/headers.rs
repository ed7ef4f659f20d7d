//! Expected headers and trailers.

use std::collections::BTreeMap;
use std::fmt;

use serde::Deserialize;

use super::pattern::{OneOrMany, Pattern, cut};
use super::span::Limits;

/// By name; `null` means absent.
pub type ExpectHeaders = BTreeMap<String, Option<OneOrMany<ExpectHeader>>>;

/// An expected value.
#[derive(Clone, Debug, Deserialize)]
#[serde(untagged, expecting = "text, ~ and a regular expression, or at_least and at_most")]
pub enum ExpectHeader {
    /// This text.
    Text(Pattern),
    /// A number within these limits.
    Number(Limits<f64>),
}

impl ExpectHeader {
    fn is(&self, value: &str) -> bool {
        match self {
            Self::Text(pattern) => pattern.is(value),
            Self::Number(limits) => value.parse().is_ok_and(|number| limits.hold(&number)),
        }
    }
}

impl fmt::Display for ExpectHeader {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Text(pattern) => write!(f, "{pattern}"),
            Self::Number(limits) => write!(f, "{limits}"),
        }
    }
}

/// What is wrong with the headers that came; `what` names their kind.
pub fn header_faults(
    what: &str,
    expected: &ExpectHeaders,
    got: &[(String, String)],
) -> Vec<String> {
    expected.iter().filter_map(|(name, values)| header_fault(what, name, values, got)).collect()
}

fn header_fault(
    what: &str,
    name: &str,
    expected: &Option<OneOrMany<ExpectHeader>>,
    got: &[(String, String)],
) -> Option<String> {
    let got: Vec<&str> = got
        .iter()
        .filter(|(got, _)| got.eq_ignore_ascii_case(name))
        .map(|(_, value)| value.as_str())
        .collect();
    let expected = expected.as_ref().map_or(&[][..], OneOrMany::as_slice);
    let holds = expected.len() == got.len() && expected.iter().zip(&got).all(|(e, g)| e.is(g));
    (!holds).then(|| {
        let expected: Vec<_> = expected.iter().map(ExpectHeader::to_string).collect();
        let got: Vec<_> = got.iter().map(|value| cut(value)).collect();
        format!("{what} {name}: expected {}, got {}", join(&expected), join(&got))
    })
}

fn join(values: &[String]) -> String {
    if values.is_empty() { "none".into() } else { values.join(" and ") }
}
