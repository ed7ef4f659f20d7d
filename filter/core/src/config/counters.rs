//! `counters`: what the owner of a service wants counted.

use super::matchers::{self, HeaderMatcher};
use super::reader::Reader;
use super::statuses::{StatusPattern, status_pattern};

/// A custom counter.
#[derive(Debug, PartialEq, Eq)]
pub struct CounterRule {
    /// The metric's name, as Prometheus shows it.
    pub name: String,
    /// Conditions on the request's headers; all must hold.
    pub request_headers: Vec<HeaderMatcher>,
    /// Conditions on the response's status, one of which must hold; empty means any.
    pub response_status: Vec<StatusPattern>,
}

/// Prefixes of the filter's own metrics.
const RESERVED: [&str; 2] = ["heartbeat_", "app_health_"];
const LONGEST_NAME: usize = 128;

/// Reads the list of counters.
pub(super) fn read(list: &Reader<'_>) -> Option<Vec<CounterRule>> {
    let items = list.list()?;
    let rules: Vec<Option<CounterRule>> = items.iter().map(read_counter).collect();
    for (index, (item, rule)) in items.iter().zip(&rules).enumerate() {
        let Some(rule) = rule else { continue };
        let earlier = rules.iter().take(index).flatten().any(|other| other.name == rule.name);
        if earlier {
            item.error(format!(
                "the name {:?} is taken by an earlier counter; choose another",
                rule.name
            ));
        }
    }
    rules.into_iter().collect()
}

fn read_counter(reader: &Reader<'_>) -> Option<CounterRule> {
    let object = reader.object(&["name", "when"])?;
    let name = object
        .required("name", r#""name": "payment_request_success""#)
        .and_then(|name| name.parsed(metric_name));
    let example = r#""when": { "response": { "status": ["2xx"] } }"#;
    let when = object.required("when", example).and_then(|when| read_when(&when));
    let (request_headers, response_status) = when?;
    Some(CounterRule { name: name?, request_headers, response_status })
}

fn read_when(reader: &Reader<'_>) -> Option<(Vec<HeaderMatcher>, Vec<StatusPattern>)> {
    let object = reader.object(&["request", "response"])?;
    let request_headers = match object.get("request") {
        Some(request) => request
            .object(&["headers"])
            .and_then(|request| request.required("headers", r#""headers": [...]"#))
            .and_then(|list| matchers::read_list(&list)),
        None => Some(Vec::new()),
    };
    let response_status = match object.get("response") {
        Some(response) => response
            .object(&["status"])
            .and_then(|response| response.required("status", r#""status": ["200"]"#))
            .and_then(|list| list.list_of(status_pattern)),
        None => Some(Vec::new()),
    };
    Some((request_headers?, response_status?))
}

/// A metric name (Prometheus data model), without the colon, which Prometheus
/// keeps for recording rules.
fn metric_name(text: &str) -> Result<String, String> {
    let plain = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'_';
    let starts_with_digit = text.bytes().next().is_some_and(|byte| byte.is_ascii_digit());
    if text.is_empty() || text.len() > LONGEST_NAME || starts_with_digit || !text.bytes().all(plain)
    {
        return Err(r#"is not a metric name; write it like "payment_request_success""#.to_owned());
    }
    if let Some(prefix) = RESERVED.into_iter().find(|prefix| text.starts_with(prefix)) {
        return Err(format!(
            "is reserved: {prefix}* are the filter's own metrics; choose another name"
        ));
    }
    Ok(text.to_owned())
}
