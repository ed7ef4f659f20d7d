//! What is expected, and what is wrong with what came instead.

use std::collections::BTreeMap;

use anyhow::Result;
use serde::Deserialize;
use serde_json::Value;

use super::headers::{ExpectHeaders, header_faults};
use super::json::ExpectJson;
use super::pattern::{OneOrMany, Pattern, cut};
use super::request::{Base64, RequestLine};
use super::role::Role;
use super::schema::Schema;
use super::span::{Limits, Span};
use crate::app::record::Seen;
use crate::client::{grpc, http};

/// An expected HTTP answer; what isn't said may be anything.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Expect {
    status: Option<OneOrMany<u16>>,
    headers: ExpectHeaders,
    body: Option<Pattern>,
    body_base64: Option<Base64>,
    body_schema: Option<Schema>,
    json: Option<ExpectJson>,
    trailers: ExpectHeaders,
    took: Option<Limits<Span>>,
    error: Option<Pattern>,
}

/// An expected end of a gRPC call; what isn't said may be anything.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct ExpectGrpc {
    code: Option<OneOrMany<String>>,
    message: Option<Pattern>,
    serving: Option<OneOrMany<String>>,
    services: Option<BTreeMap<String, String>>,
    headers: ExpectHeaders,
    took: Option<Limits<Span>>,
}

/// A request expected to reach an application.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ExpectSeen {
    request: RequestLine,
    version: Option<String>,
    #[serde(default = "once")]
    times: usize,
    #[serde(default)]
    headers: ExpectHeaders,
}

fn once() -> usize {
    1
}

impl Expect {
    /// Success.
    pub fn ok() -> Self {
        Self { status: Some(OneOrMany::One(200)), ..Self::default() }
    }

    /// Everything that is wrong with `answer`, or with the lack of it.
    pub fn faults(&self, answer: &Result<http::Response>) -> Vec<String> {
        match (answer, &self.error) {
            (Ok(answer), None) => self.answer_faults(answer),
            (Ok(answer), Some(error)) => {
                vec![format!("error: expected {error}, got an answer with {}", answer.status)]
            }
            (Err(error), Some(expected)) if expected.is_in(&format!("{error:#}")) => vec![],
            (Err(error), Some(expected)) => {
                vec![format!("error: expected {expected}, got {error:#}")]
            }
            (Err(error), None) => vec![format!("{error:#}")],
        }
    }

    fn answer_faults(&self, answer: &http::Response) -> Vec<String> {
        let mut faults = Vec::new();
        let status = self.status.as_ref().and_then(|any| any.fault("status", &answer.status));
        faults.extend(status.map(|fault| format!("{fault} with body {}", cut(&answer.text()))));
        faults.extend(header_faults("header", &self.headers, &answer.headers));
        if let Some(body) = self.body.as_ref().filter(|body| !body.is(&answer.text())) {
            faults.push(format!("body: expected {body}, got {}", cut(&answer.text())));
        }
        if let Some(body) = self.body_base64.as_ref().filter(|body| body.0 != answer.body) {
            faults.push(format!("body: expected {:?}, got {:?}", body.0, answer.body));
        }
        faults.extend(self.json_faults(&answer.body));
        faults.extend(header_faults("trailer", &self.trailers, &answer.trailers));
        faults.extend(self.took.as_ref().and_then(|took| took.fault("took", answer.elapsed)));
        faults
    }

    fn json_faults(&self, body: &[u8]) -> Vec<String> {
        if self.body_schema.is_none() && self.json.is_none() {
            return vec![];
        }
        let body: Value = match serde_json::from_slice(body) {
            Ok(body) => body,
            Err(error) => return vec![format!("body: it isn't JSON: {error}")],
        };
        let mut faults = Vec::new();
        faults.extend(self.body_schema.as_ref().and_then(|schema| schema.fault(&body)));
        faults.extend(self.json.iter().flat_map(|json| json.faults("", Some(&body))));
        faults
    }
}

impl ExpectGrpc {
    /// Success.
    pub fn ok() -> Self {
        Self { code: Some(OneOrMany::One("OK".into())), ..Self::default() }
    }

    /// Everything that is wrong with `answer`.
    pub fn faults(&self, answer: &grpc::Answer) -> Vec<String> {
        let mut faults = Vec::new();
        let code = self.code.as_ref().and_then(|any| any.fault("code", &answer.code));
        faults.extend(code.map(|fault| format!("{fault}: {}", answer.message)));
        if let Some(message) = self.message.as_ref().filter(|message| !message.is(&answer.message))
        {
            faults.push(format!("message: expected {message}, got {:?}", answer.message));
        }
        if let Some(serving) = self.serving.as_ref().map(OneOrMany::as_slice)
            && *serving != answer.statuses
        {
            faults.push(format!("serving: expected {serving:?}, got {:?}", answer.statuses));
        }
        if let Some(services) = self.services.as_ref().filter(|all| **all != answer.services) {
            faults.push(format!("services: expected {services:?}, got {:?}", answer.services));
        }
        faults.extend(header_faults("header", &self.headers, &answer.metadata));
        faults.extend(self.took.as_ref().and_then(|took| took.fault("took", answer.elapsed)));
        faults
    }
}

/// Everything that is wrong with what `role` has `seen`.
pub fn seen_faults(role: Role, expected: &[ExpectSeen], seen: &[Seen]) -> Vec<String> {
    let all: Vec<_> =
        expected.iter().flat_map(|request| std::iter::repeat_n(request, request.times)).collect();
    if all.len() != seen.len() {
        let seen: Vec<_> = seen.iter().map(line).collect();
        let (expected, got) = (all.len(), seen.len());
        return vec![format!(
            "{role}: expected {expected} requests, got {got}: {}",
            cut(&seen.join(", "))
        )];
    }
    all.into_iter().zip(seen).flat_map(|(expected, seen)| expected.faults(role, seen)).collect()
}

impl ExpectSeen {
    fn faults(&self, role: Role, seen: &Seen) -> Vec<String> {
        let mut faults = Vec::new();
        let request = format!("{} {}", self.request.method, self.request.target);
        if request != line(seen) {
            faults.push(format!("{role}: expected {request}, got {}", line(seen)));
        }
        if let Some(version) = self.version.as_ref().filter(|version| **version != seen.version) {
            faults.push(format!("{role}: expected HTTP/{version}, got HTTP/{}", seen.version));
        }
        let what = format!("{role}'s {} header", line(seen));
        faults.extend(header_faults(&what, &self.headers, &seen.headers));
        faults
    }
}

fn line(seen: &Seen) -> String {
    format!("{} {}", seen.method, seen.target)
}

#[cfg(test)]
#[path = "expect_tests.rs"]
mod tests;
