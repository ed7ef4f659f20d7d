//! Expected JSON: what is said must be there, and there may be more.

use std::collections::BTreeMap;
use std::fmt;

use anyhow::Result;
use serde::Deserialize;
use serde_json::{Map, Value};

use super::pattern::{Pattern, cut};
use super::span::Limits;

/// Expected JSON.
#[derive(Clone, Debug, Deserialize)]
#[serde(try_from = "Value")]
pub enum ExpectJson {
    /// Nothing; written `null`.
    Absent,
    /// Text like this.
    Text(Pattern),
    /// A number within these limits.
    Number(Limits<f64>),
    /// An object with these members, and maybe others.
    Object(BTreeMap<String, ExpectJson>),
    /// A list of these items and no others.
    List(Vec<ExpectJson>),
    /// This number or truth, or `null` in a list.
    Exact(Value),
}

impl TryFrom<Value> for ExpectJson {
    type Error = anyhow::Error;

    fn try_from(value: Value) -> Result<Self> {
        let item = |value: Value| match value {
            // No item of a list is ever absent.
            Value::Null => Ok(Self::Exact(Value::Null)),
            value => Self::try_from(value),
        };
        Ok(match value {
            Value::Null => Self::Absent,
            Value::String(text) => Self::Text(text.try_into()?),
            Value::Array(list) => Self::List(list.into_iter().map(item).collect::<Result<_>>()?),
            Value::Object(object) if are_limits(&object) => {
                Self::Number(serde_json::from_value(object.into())?)
            }
            Value::Object(object) => {
                let member = |(key, value): (String, Value)| Ok((key, value.try_into()?));
                Self::Object(object.into_iter().map(member).collect::<Result<_>>()?)
            }
            exact => Self::Exact(exact),
        })
    }
}

fn are_limits(object: &Map<String, Value>) -> bool {
    !object.is_empty() && object.keys().all(|key| ["at_least", "at_most"].contains(&key.as_str()))
}

impl ExpectJson {
    /// Everything that is wrong with `got`, the JSON at `path`.
    pub fn faults(&self, path: &str, got: Option<&Value>) -> Vec<String> {
        match (self, got) {
            (Self::Object(expected), Some(Value::Object(got))) => expected
                .iter()
                .flat_map(|(key, expected)| expected.faults(&format!("{path}/{key}"), got.get(key)))
                .collect(),
            (Self::List(expected), Some(Value::Array(got))) if expected.len() == got.len() => {
                let pairs = expected.iter().zip(got).enumerate();
                pairs
                    .flat_map(|(at, (expected, got))| {
                        expected.faults(&format!("{path}/{at}"), Some(got))
                    })
                    .collect()
            }
            _ if self.is(got) => vec![],
            _ => {
                let got = got.map_or("nothing".into(), |got| cut(&got.to_string()));
                vec![format!("json {path}: expected {self}, got {got}")]
            }
        }
    }

    /// Whether `got` is as expected, but for the insides of objects and lists.
    fn is(&self, got: Option<&Value>) -> bool {
        match (self, got) {
            (Self::Absent, got) => got.is_none(),
            (Self::Text(pattern), Some(Value::String(text))) => pattern.is(text),
            (Self::Number(limits), Some(Value::Number(number))) => {
                number.as_f64().is_some_and(|number| limits.hold(&number))
            }
            // 1 and 1.0 are the same number.
            (Self::Exact(Value::Number(expected)), Some(Value::Number(got))) => {
                expected.as_f64() == got.as_f64()
            }
            (Self::Exact(expected), Some(got)) => expected == got,
            _ => false,
        }
    }
}

impl fmt::Display for ExpectJson {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Absent => f.write_str("nothing"),
            Self::Text(pattern) => write!(f, "{pattern}"),
            Self::Number(limits) => write!(f, "{limits}"),
            Self::Object(_) => f.write_str("an object"),
            Self::List(list) => write!(f, "a list of {}", list.len()),
            Self::Exact(value) => write!(f, "{value}"),
        }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::{from_value, json};

    use super::*;

    fn faults(expected: Value) -> Vec<String> {
        let got = json!({
            "status": "warn", "up": true, "age": 1.0, "none": null,
            "checks": { "db:time": [{ "value": 12, "unit": "ms" }, null] },
        });
        from_value::<ExpectJson>(expected).unwrap().faults("", Some(&got))
    }

    #[test]
    fn json_as_expected_has_no_faults() {
        for right in [
            json!({}),
            json!({ "status": "warn", "up": true, "age": 1, "output": null }),
            json!({ "status": "~^w", "age": { "at_least": 1, "at_most": 1 } }),
            json!({ "checks": {} }),
            json!({ "checks": { "db:time": [{ "unit": "ms", "output": null }, null] } }),
        ] {
            assert_eq!(faults(right.clone()), [""; 0], "{right}");
        }
    }

    #[test]
    fn every_part_of_json_is_compared() {
        for (wrong, fault) in [
            (json!([]), "json : expected a list of 0, got "),
            (json!({ "status": "war" }), r#"json /status: expected "war", got "\"warn\"""#),
            (json!({ "status": "~^a" }), "json /status: expected /^a/, got"),
            (json!({ "status": 1 }), "json /status: expected 1, got"),
            (json!({ "status": null }), "json /status: expected nothing, got"),
            (json!({ "none": null }), r#"json /none: expected nothing, got "null""#),
            (json!({ "up": false }), r#"json /up: expected false, got "true""#),
            (json!({ "up": "true" }), r#"json /up: expected "true", got "true""#),
            (json!({ "age": 2 }), r#"json /age: expected 2, got "1.0""#),
            (json!({ "age": { "at_least": 2 } }), r#"json /age: expected at least 2, got "1.0""#),
            (json!({ "output": "~" }), "json /output: expected //, got nothing"),
            (json!({ "output": {} }), "json /output: expected an object, got nothing"),
            (
                json!({ "checks": { "db:time": [] } }),
                "json /checks/db:time: expected a list of 0, got",
            ),
            (
                json!({ "checks": { "db:time": [{ "value": 13 }, null] } }),
                r#"json /checks/db:time/0/value: expected 13, got "12""#,
            ),
            (
                json!({ "checks": { "db:time": [{}, {}] } }),
                r#"json /checks/db:time/1: expected an object, got "null""#,
            ),
        ] {
            let faults = faults(wrong.clone());
            assert!(faults.len() == 1 && faults[0].starts_with(fault), "{wrong}: {faults:?}");
        }
    }

    #[test]
    fn a_broken_regular_expression_is_refused() {
        assert!(from_value::<ExpectJson>(json!({ "a": ["~("] })).is_err());
    }
}
