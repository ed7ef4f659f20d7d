//! `when`: which requests a counter counts.

use crate::config::matchers;
use crate::config::matching::{self, HTTP_KEYS};
use crate::config::reader::Reader;
use crate::config::statuses::status_pattern;
use crate::counters::rule::When;
use crate::grpc::code;
use crate::matching::rule::{HttpMatch, PathMatch};

const RESPONSE_KEYS: [&str; 3] = ["status", "headers", "grpc_status"];

/// Reads `when`.
pub(super) fn read(reader: &Reader<'_>) -> Option<When> {
    let object = reader.object(&["request", "response"])?;
    let anything = HttpMatch { path: PathMatch::Any, methods: Vec::new(), headers: Vec::new() };
    let request = object.or_default("request", anything, |request| {
        let object = request.object(&HTTP_KEYS)?;
        refuse_nothing(request, &HTTP_KEYS);
        matching::read_http(&object)
    });
    let (mut status, mut headers, mut grpc_status) = <(Option<Vec<_>>, _, _)>::default();
    if let Some(response) = object.get("response") {
        let object = response.object(&RESPONSE_KEYS)?;
        refuse_nothing(&response, &RESPONSE_KEYS);
        status = object.optional("status", |list| list.list_of(status_pattern))?;
        headers = object.optional("headers", matchers::read_list)?;
        grpc_status = object.optional("grpc_status", |list| list.list_of(grpc_code))?;
    }
    Some(When {
        request: request?,
        status: status.unwrap_or_default(),
        response_headers: headers.unwrap_or_default(),
        grpc_status: grpc_status.unwrap_or_default(),
    })
}

/// An object without a condition is half a thought.
fn refuse_nothing(reader: &Reader<'_>, keys: &[&str]) {
    if keys.iter().all(|key| reader.member(key).is_none()) {
        reader.error(format!(
            "has no condition; add one of {}, or leave the key out",
            keys.join(", ")
        ));
    }
}

fn grpc_code(text: &str) -> Result<u32, String> {
    code::by_name(text)
        .ok_or_else(|| r#"is not a gRPC status; write it like "UNAVAILABLE""#.to_owned())
}
