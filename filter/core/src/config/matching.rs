//! `match`: which requests a probe's rule takes.

use super::matchers;
use crate::grpc::GrpcMethod;
use crate::matching::rule::{GrpcMatch, HttpMatch, Match, PathMatch, ServicePattern};
use crate::reader::object::Object;
use crate::reader::values::exact_path;

/// Reads `match`.
pub(super) fn read(object: &Object<'_>) -> Match {
    if object.has("grpc") {
        object.refuse_idle(None);
        return Match::Grpc(read_grpc(&object.object("grpc")));
    }
    if object.chosen().is_empty() {
        object.error(r#"recognises nothing; add "path": "/health""#);
    }
    Match::Http(read_http(object))
}

/// Reads conditions on a request; without any it takes all.
pub(super) fn read_http(object: &Object<'_>) -> HttpMatch {
    object.refuse_idle(None);
    let path = match (object.get("path"), object.get("path_prefix")) {
        (Some(path), None) => path.parsed(exact_path).map(PathMatch::Exact),
        (None, Some(prefix)) => prefix.parsed(path_prefix),
        _ => None,
    };
    HttpMatch {
        path: path.unwrap_or(PathMatch::Any),
        methods: object.list("methods", http_method),
        headers: matchers::read_list(object),
    }
}

/// A prefix of whole segments: `/status` and `/status/` mean the same.
fn path_prefix(text: &str) -> Result<PathMatch, String> {
    let path = exact_path(text)?;
    Ok(match path.strip_suffix('/').unwrap_or(&path) {
        "" => PathMatch::Any,
        prefix => PathMatch::Prefix(prefix.to_owned()),
    })
}

/// A method (RFC 9110, section 9.1); methods are case-sensitive.
fn http_method(text: &str) -> Result<String, String> {
    if text.is_empty() || !text.bytes().all(|byte| byte.is_ascii_uppercase() || byte == b'-') {
        let meant = text.trim().to_ascii_uppercase();
        let known = ["GET", "HEAD", "POST", "PUT", "OPTIONS"].contains(&meant.as_str());
        return Err(match meant.as_str() {
            "*" | "ANY" => "is not a method; leave \"methods\" out for all of them".to_owned(),
            _ if known => format!("is not a method; write {meant:?}"),
            _ => "is not a method; write it like \"GET\"".to_owned(),
        });
    }
    Ok(text.to_owned())
}

fn read_grpc(object: &Object<'_>) -> GrpcMatch {
    let mut services = object.list("services", service_pattern);
    if !object.has("services") {
        services.push(ServicePattern::Any);
    }
    let words = object.words("methods");
    let is_asked = |word: &str| words.is_empty() || words.contains(&word);
    let mut methods = Vec::new();
    methods.extend(is_asked("Check").then_some(GrpcMethod::Check));
    methods.extend(is_asked("List").then_some(GrpcMethod::List));
    methods.extend(is_asked("Watch").then_some(GrpcMethod::Watch));
    GrpcMatch { methods, services }
}

/// The longest name of a service that a call may ask for, in bytes.
const LONGEST_SERVICE: usize = 1_000;

fn service_pattern(text: &str) -> Result<ServicePattern, String> {
    if text.len() > LONGEST_SERVICE {
        return Err(format!("is too long; write {LONGEST_SERVICE} bytes or less"));
    }
    match text.strip_suffix('*') {
        Some("") => Ok(ServicePattern::Any),
        Some(prefix) if !prefix.contains('*') => Ok(ServicePattern::Prefix(prefix.to_owned())),
        None if !text.contains('*') => Ok(ServicePattern::Exact(text.to_owned())),
        _ => Err(r#"is not a service; write a name, "orders.*" or "*""#.to_owned()),
    }
}
