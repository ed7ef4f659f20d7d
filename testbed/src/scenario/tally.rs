//! The outcome of many requests, and what it is expected to be.

use std::collections::{BTreeMap, BTreeSet};

use anyhow::{Context, Result};
use serde::Deserialize;

use super::expect::Expect;
use super::span::Amount;
use crate::client::http::Response;

/// Distinct faults that are kept; more say nothing new.
const FAULTS: usize = 10;

/// What many requests led to.
#[derive(Debug, Default)]
pub struct Tally {
    statuses: BTreeMap<Status, usize>,
    faults: BTreeMap<String, usize>,
}

/// What the answers to many requests of one kind are expected to be; part of
/// every step that sends such.
#[derive(Clone, Debug, Deserialize)]
pub struct ExpectMany {
    expect: Option<Expect>,
    answers: Option<BTreeMap<Status, Amount>>,
}

/// An HTTP status, as the keys of `answers` write it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Deserialize)]
#[serde(try_from = "String")]
struct Status(u16);

impl TryFrom<String> for Status {
    type Error = anyhow::Error;

    fn try_from(text: String) -> Result<Self> {
        text.parse().map(Self).with_context(|| format!("{text:?} is not a status"))
    }
}

impl Tally {
    /// Notes how one request went.
    pub fn note(&mut self, answer: &Result<Response>, expect: &Expect) {
        if let Ok(answer) = answer {
            *self.statuses.entry(Status(answer.status)).or_default() += 1;
        }
        for fault in expect.faults(answer) {
            if self.faults.len() < FAULTS || self.faults.contains_key(&fault) {
                *self.faults.entry(fault).or_default() += 1;
            }
        }
    }

    /// Every distinct fault, and how often it occurred.
    pub fn faults(&self) -> impl Iterator<Item = (&str, usize)> {
        self.faults.iter().map(|(fault, times)| (fault.as_str(), *times))
    }
}

impl ExpectMany {
    /// What each answer is to be; a success if nothing is said of any.
    pub fn each(&self) -> Expect {
        let otherwise = || if self.answers.is_some() { Expect::default() } else { Expect::ok() };
        self.expect.clone().unwrap_or_else(otherwise)
    }

    /// Everything that is wrong with what is noted in `tally`.
    pub fn faults(&self, tally: &Tally) -> Vec<String> {
        let each = tally.faults().map(|(fault, times)| format!("{times} × {fault}"));
        each.chain(self.count_faults(tally)).collect()
    }

    /// A status that isn't named may not occur.
    fn count_faults(&self, tally: &Tally) -> Vec<String> {
        let Some(answers) = &self.answers else { return vec![] };
        let all: BTreeSet<_> = answers.keys().chain(tally.statuses.keys()).collect();
        all.into_iter()
            .filter_map(|status| {
                let got = tally.statuses.get(status).copied().unwrap_or_default();
                let amount = answers.get(status).unwrap_or(&Amount::Exact(0.0));
                amount.fault(&format!("answers with status {}", status.0), Some(got as f64))
            })
            .collect()
    }

    /// Whether nothing is said.
    pub fn is_empty(&self) -> bool {
        self.expect.is_none() && self.answers.is_none()
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use serde_json::{Value, from_value, json};

    use super::*;

    /// The faults of two answers with 200 and one with 503.
    fn faults(expected: Value) -> Vec<String> {
        let expected: ExpectMany = from_value(expected).unwrap();
        let mut tally = Tally::default();
        for status in [200, 503, 200] {
            let (headers, trailers) = (vec![], vec![]);
            let (body, elapsed) = (b"x".into(), Duration::ZERO);
            let answer = Response { status, headers, body, trailers, elapsed };
            tally.note(&Ok(answer), &expected.each());
        }
        expected.faults(&tally)
    }

    #[test]
    fn every_answer_is_to_be_a_success_unless_told_otherwise() {
        assert_eq!(faults(json!({})), [r#"1 × status: expected 200, got 503 with body "x""#]);
        assert_eq!(faults(json!({ "expect": { "body": "x" } })), [""; 0]);
        assert_eq!(
            faults(json!({ "expect": { "body": "y" } })),
            [r#"3 × body: expected "y", got "x""#]
        );
    }

    #[test]
    fn answers_are_counted_by_status() {
        assert_eq!(faults(json!({ "answers": { "200": 2, "503": { "at_most": 1 } } })), [""; 0]);
        assert_eq!(
            faults(json!({ "answers": { "200": 1, "429": { "at_least": 1 } } })),
            [
                "answers with status 200: expected 1, got 2",
                "answers with status 429: expected at least 1, got 0",
                "answers with status 503: expected 0, got 1",
            ]
        );
    }

    #[test]
    fn what_each_answer_is_to_be_holds_besides_the_counts() {
        let expected = json!({ "answers": { "200": 2, "503": 1 }, "expect": { "body": "y" } });
        assert_eq!(faults(expected), [r#"3 × body: expected "y", got "x""#]);
    }

    #[test]
    fn only_a_status_can_be_counted() {
        assert!(from_value::<ExpectMany>(json!({ "answers": { "2xx": 1 } })).is_err());
    }
}
