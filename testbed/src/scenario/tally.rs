//! The outcome of many requests, and what it is expected to be.

use std::collections::{BTreeMap, BTreeSet};

use anyhow::Result;
use serde::Deserialize;

use super::expect::{Expect, ExpectGrpc};
use super::span::Amount;
use crate::client::{grpc, http};

/// Distinct faults that are kept; more say nothing new.
const FAULTS: usize = 10;

/// What many requests led to.
#[derive(Debug, Default)]
pub struct Tally {
    outcomes: BTreeMap<String, usize>,
    faults: BTreeMap<String, usize>,
}

/// What the answers to many requests of one kind are expected to be; part of
/// every step that sends such.
#[derive(Clone, Debug, Deserialize)]
#[serde(bound(deserialize = "E: Expected + Deserialize<'de>"))]
pub struct ExpectMany<E> {
    expect: Option<E>,
    #[serde(default, deserialize_with = "answers::<E, _>")]
    answers: Option<BTreeMap<String, Amount>>,
}

/// What one answer is expected to be.
pub trait Expected: Clone + Default {
    /// The answer.
    type Answer;

    /// What answers are counted by.
    const OUTCOME: &str;

    /// A success.
    fn success() -> Self;

    /// Whether this can be what came of a request, as the keys of `answers` write it.
    fn is_outcome(key: &str) -> bool;

    /// What came of a request.
    fn outcome(answer: &Self::Answer) -> String;

    /// Everything that is wrong with an answer, or with the lack of it.
    fn faults(&self, answer: &Result<Self::Answer>) -> Vec<String>;
}

impl Expected for Expect {
    type Answer = http::Response;

    const OUTCOME: &str = "status";

    fn success() -> Self {
        Self::ok()
    }

    fn is_outcome(key: &str) -> bool {
        key.len() == 3 && key.bytes().all(|byte| byte.is_ascii_digit())
    }

    fn outcome(answer: &http::Response) -> String {
        answer.status.to_string()
    }

    fn faults(&self, answer: &Result<http::Response>) -> Vec<String> {
        Self::faults(self, answer)
    }
}

impl Expected for ExpectGrpc {
    type Answer = grpc::Answer;

    const OUTCOME: &str = "outcome";

    fn success() -> Self {
        Self::ok()
    }

    fn is_outcome(key: &str) -> bool {
        !key.is_empty() && key.bytes().all(|byte| byte.is_ascii_uppercase() || byte == b'_')
    }

    /// The last serving status of a call that ended well, or else its code.
    fn outcome(answer: &grpc::Answer) -> String {
        let status = answer.statuses.last().filter(|_| answer.code == "OK");
        status.unwrap_or(&answer.code).clone()
    }

    fn faults(&self, answer: &Result<grpc::Answer>) -> Vec<String> {
        match answer {
            Ok(answer) => Self::faults(self, answer),
            Err(error) => vec![format!("{error:#}")],
        }
    }
}

impl Tally {
    /// Notes how one request went.
    pub fn note<E: Expected>(&mut self, answer: &Result<E::Answer>, expect: &E) {
        if let Ok(answer) = answer {
            *self.outcomes.entry(E::outcome(answer)).or_default() += 1;
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

impl<E: Expected> ExpectMany<E> {
    /// What each answer is to be; a success if nothing is said of any.
    pub fn each(&self) -> E {
        let otherwise = || if self.answers.is_some() { E::default() } else { E::success() };
        self.expect.clone().unwrap_or_else(otherwise)
    }

    /// Everything that is wrong with `answers`, and with their numbers.
    pub fn judge(&self, answers: &[Result<E::Answer>]) -> Vec<String> {
        let (mut tally, each) = (Tally::default(), self.each());
        answers.iter().for_each(|answer| tally.note(answer, &each));
        self.faults(&tally)
    }

    /// Everything that is wrong with what is noted in `tally`.
    pub fn faults(&self, tally: &Tally) -> Vec<String> {
        let each = tally.faults().map(|(fault, times)| format!("{times} × {fault}"));
        each.chain(self.count_faults(tally)).collect()
    }

    /// An outcome that isn't named may not occur.
    fn count_faults(&self, tally: &Tally) -> Vec<String> {
        let Some(answers) = &self.answers else { return vec![] };
        let all: BTreeSet<_> = answers.keys().chain(tally.outcomes.keys()).collect();
        all.into_iter()
            .filter_map(|outcome| {
                let got = tally.outcomes.get(outcome).copied().unwrap_or_default();
                let amount = answers.get(outcome).unwrap_or(&Amount::Exact(0.0));
                amount.fault(&format!("answers with {} {outcome}", E::OUTCOME), Some(got as f64))
            })
            .collect()
    }

    /// Whether nothing is said.
    pub fn is_empty(&self) -> bool {
        self.expect.is_none() && self.answers.is_none()
    }
}

/// Reads amounts by outcome.
fn answers<'de, E: Expected, D: serde::Deserializer<'de>>(
    from: D,
) -> Result<Option<BTreeMap<String, Amount>>, D::Error> {
    let answers = BTreeMap::<String, Amount>::deserialize(from)?;
    match answers.keys().find(|key| !E::is_outcome(key)) {
        Some(key) => Err(serde::de::Error::custom(format!("{key:?} is no {}", E::OUTCOME))),
        None => Ok(Some(answers)),
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use serde_json::{Value, from_value, json};

    use super::*;

    /// The faults of two answers with 200 and one with 503.
    fn faults(expected: Value) -> Vec<String> {
        let expected: ExpectMany<Expect> = from_value(expected).unwrap();
        let mut tally = Tally::default();
        for status in [200, 503, 200] {
            let (headers, trailers) = (vec![], vec![]);
            let (body, elapsed) = (b"x".into(), Duration::ZERO);
            let answer = http::Response { status, headers, body, trailers, elapsed };
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
    fn calls_are_counted_by_serving_status_or_else_by_code() {
        let mut tally = Tally::default();
        let answers = json!({ "SERVING": 1, "OK": 1, "UNAVAILABLE": 0 });
        let expected: ExpectMany<ExpectGrpc> = from_value(json!({ "answers": answers })).unwrap();
        for (code, statuses) in
            [("OK", &["UNKNOWN", "SERVING"][..]), ("OK", &[]), ("INTERNAL", &["SERVING"])]
        {
            let statuses = statuses.iter().map(|status| (*status).to_owned()).collect();
            let answer = grpc::Answer { code: code.into(), statuses, ..Default::default() };
            tally.note(&Ok(answer), &expected.each());
        }
        assert_eq!(expected.faults(&tally), ["answers with outcome INTERNAL: expected 0, got 1"]);
        let unlimited: ExpectMany<ExpectGrpc> = from_value(json!({})).unwrap();
        assert_eq!(unlimited.each().faults(&grpc::Answer::default()).len(), 1);
    }

    #[test]
    fn only_a_status_can_be_counted() {
        assert!(from_value::<ExpectMany<ExpectGrpc>>(json!({ "answers": { "200": 1 } })).is_err());
        assert!(from_value::<ExpectMany<Expect>>(json!({ "answers": { "2xx": 1 } })).is_err());
    }
}
