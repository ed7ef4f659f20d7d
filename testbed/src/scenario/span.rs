//! Spans of time and amounts, as scenarios write them.

use std::fmt;
use std::time::Duration;

use anyhow::{Context, Result, bail};
use serde::Deserialize;

/// A span such as `900ms`, `5s` or `1m`.
#[derive(Clone, Copy, Debug, PartialEq, PartialOrd, Deserialize)]
#[serde(try_from = "String")]
pub struct Span(pub Duration);

impl TryFrom<String> for Span {
    type Error = anyhow::Error;

    fn try_from(text: String) -> Result<Self> {
        let unit = text.trim_start_matches(|c: char| c.is_ascii_digit());
        let millis = match unit {
            "ms" => 1,
            "s" => 1_000,
            "m" => 60_000,
            _ => bail!(r#"{text:?} is not a span of time; write "900ms", "5s" or "1m""#),
        };
        let number: u64 = text[..text.len() - unit.len()]
            .parse()
            .with_context(|| format!("{text:?} is not a span of time"))?;
        Ok(Self(Duration::from_millis(number * millis)))
    }
}

/// By how many seconds a clock is off: `-30s`, `+1h`, `+9d`.
#[derive(Clone, Copy, Debug, PartialEq, Deserialize)]
#[serde(try_from = "String")]
pub struct ClockOffset(pub i64);

impl TryFrom<String> for ClockOffset {
    type Error = anyhow::Error;

    fn try_from(text: String) -> Result<Self> {
        let read = || {
            let at = text.len().checked_sub(1)?;
            let (number, unit) = text.split_at_checked(at)?;
            let seconds = match unit {
                "s" => 1,
                "m" => 60,
                "h" => 3_600,
                "d" => 86_400,
                _ => return None,
            };
            // The sign distinguishes it from a time.
            let number: i64 = number.starts_with(['+', '-']).then(|| number.parse().ok())??;
            number.checked_mul(seconds).map(Self)
        };
        read()
            .with_context(|| format!(r#"{text:?} is no offset of a clock; write "-30s" or "+1h""#))
    }
}

/// Limits, either of which may be open.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Limits<T> {
    at_least: Option<T>,
    at_most: Option<T>,
}

impl<T: PartialOrd> Limits<T> {
    /// Whether `value` is within them.
    pub fn hold(&self, value: &T) -> bool {
        self.at_least.as_ref().is_none_or(|least| value >= least)
            && self.at_most.as_ref().is_none_or(|most| value <= most)
    }
}

impl Limits<Span> {
    /// What is wrong with `got`, if anything.
    pub fn fault(&self, what: &str, got: Duration) -> Option<String> {
        (!self.hold(&Span(got))).then(|| format!("{what}: expected {self}, got {got:?}"))
    }
}

/// An exact number, limits, or `null` for nothing there.
#[derive(Clone, Debug, Deserialize)]
#[serde(untagged, expecting = "a number, null, or at_least and at_most")]
pub enum Amount {
    /// Exactly so much.
    Exact(f64),
    /// So much at least or at most.
    Within(Limits<f64>),
    /// Nothing there.
    Absent,
}

impl Amount {
    /// What is wrong with `got`, if anything.
    pub fn fault(&self, what: &str, got: Option<f64>) -> Option<String> {
        let holds = match self {
            Self::Exact(expected) => got == Some(*expected),
            Self::Within(limits) => got.is_some_and(|got| limits.hold(&got)),
            Self::Absent => got.is_none(),
        };
        let got = got.map_or("nothing".into(), |got| got.to_string());
        (!holds).then(|| format!("{what}: expected {self}, got {got}"))
    }
}

impl fmt::Display for Span {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:?}", self.0)
    }
}

impl<T: fmt::Display> fmt::Display for Limits<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match (&self.at_least, &self.at_most) {
            (Some(least), Some(most)) => write!(f, "{least} to {most}"),
            (Some(least), None) => write!(f, "at least {least}"),
            (None, Some(most)) => write!(f, "at most {most}"),
            (None, None) => f.write_str("anything"),
        }
    }
}

impl fmt::Display for Amount {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Exact(amount) => write!(f, "{amount}"),
            Self::Within(limits) => write!(f, "{limits}"),
            Self::Absent => f.write_str("nothing"),
        }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::{from_value, json};

    use super::*;

    #[test]
    fn spans_are_read_and_nonsense_is_not() {
        let span = |text: &str| Span::try_from(text.to_owned()).map(|span| span.0.as_millis());
        assert_eq!(span("900ms").unwrap(), 900);
        assert_eq!(span("5s").unwrap(), 5_000);
        assert_eq!(span("1m").unwrap(), 60_000);
        for wrong in ["", "5", "s", "5 s", "-1s", "1h"] {
            assert!(span(wrong).is_err(), "{wrong}");
        }
    }

    #[test]
    fn limits_hold_at_their_ends_and_not_beyond() {
        let limits: Limits<Span> =
            from_value(json!({ "at_least": "1s", "at_most": "2s" })).unwrap();
        let fault = |millis| limits.fault("took", Duration::from_millis(millis));
        assert!(fault(1_000).is_none() && fault(2_000).is_none());
        assert!(fault(999).is_some());
        assert_eq!(fault(2_001).unwrap(), "took: expected 1s to 2s, got 2.001s");
    }

    #[test]
    fn amounts_tell_zero_from_nothing() {
        let fault = |amount, got| from_value::<Amount>(amount).unwrap().fault("x", got);
        assert!(fault(json!(0), Some(0.0)).is_none());
        assert!(fault(json!(0), None).is_some());
        assert!(fault(json!(null), None).is_none());
        assert!(fault(json!(null), Some(0.0)).is_some());
        assert!(fault(json!({ "at_least": 1 }), Some(1.0)).is_none());
        assert!(fault(json!({ "at_least": 1 }), Some(0.0)).is_some());
        assert!(fault(json!({ "at_least": 1 }), None).is_some());
    }
}
