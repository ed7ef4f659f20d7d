//! `match`: what a probe rule recognises.

use super::matchers;
use super::reader::{Object, Reader};
use crate::grpc::GrpcMethod;
use crate::matching::rule::{GrpcMatch, HttpMatch, Match, PathMatch, ServicePattern};

/// Reads `match`.
pub(super) fn read(reader: &Reader<'_>) -> Option<Match> {
    let [path, path_prefix, methods, headers] = HTTP_KEYS;
    let object = reader.object(&[path, path_prefix, methods, headers, "grpc"])?;
    let Some(grpc) = object.get("grpc") else {
        let somewhere = [path, path_prefix, headers].iter().any(|key| object.get(key).is_some());
        if !somewhere {
            object.error(r#"recognises nothing; add "path": "/health""#);
        }
        return read_http(&object).filter(|_| somewhere).map(Match::Http);
    };
    for key in HTTP_KEYS {
        if let Some(other) = object.get(key) {
            other.error("can't stand beside \"grpc\"; write a probe of its own");
        }
    }
    read_grpc(&grpc).map(Match::Grpc)
}

/// The keys that [`read_http`] reads.
pub(super) const HTTP_KEYS: [&str; 4] = ["path", "path_prefix", "methods", "headers"];

/// Reads conditions on a request; without any it takes all.
pub(super) fn read_http(object: &Object<'_>) -> Option<HttpMatch> {
    let path = match (object.get("path"), object.get("path_prefix")) {
        (Some(path), None) => path.parsed(exact_path).map(PathMatch::Exact),
        (None, Some(prefix)) => prefix.parsed(path_prefix).map(|prefix| match prefix {
            prefix if prefix.is_empty() => PathMatch::Any,
            prefix => PathMatch::Prefix(prefix),
        }),
        (Some(_), Some(prefix)) => {
            prefix.error("can't stand beside \"path\"; keep one of them");
            None
        }
        (None, None) => Some(PathMatch::Any),
    };
    let methods = match object.get("methods") {
        Some(list) => list.list_of(http_method),
        None => Some(Vec::new()),
    };
    let headers = object.get("headers").map_or(Some(Vec::new()), |list| matchers::read_list(&list));
    Some(HttpMatch { path: path?, methods: methods?, headers: headers? })
}

/// A path without query.
pub(super) fn exact_path(text: &str) -> Result<String, String> {
    if !text.starts_with('/') {
        return Err(format!("is not a path; write \"/{text}\""));
    }
    if let Some((before, _)) = text.split_once(['?', '#']) {
        return Err(format!(
            "would never match: paths are compared without the query; write {before:?}"
        ));
    }
    if let Some(prefix) = text.strip_suffix('*') {
        let prefix = prefix.trim_end_matches('/');
        return Err(format!("would match that star only; write \"path_prefix\": {prefix:?}"));
    }
    if !text.bytes().all(|byte| byte.is_ascii_graphic()) {
        return Err(
            "would never match: write blanks and other letters as a client sends them, \"%20\""
                .to_owned(),
        );
    }
    Ok(text.to_owned())
}

/// A prefix of whole segments: `/status` and `/status/` mean the same.
fn path_prefix(text: &str) -> Result<String, String> {
    let path = exact_path(text)?;
    Ok(path.strip_suffix('/').unwrap_or(&path).to_owned())
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

const GRPC_METHODS: [(&str, GrpcMethod); 3] =
    [("Check", GrpcMethod::Check), ("List", GrpcMethod::List), ("Watch", GrpcMethod::Watch)];

fn read_grpc(reader: &Reader<'_>) -> Option<GrpcMatch> {
    let object = reader.object(&["methods", "services"])?;
    let services = object
        .or_default("services", vec![ServicePattern::Any], |list| list.list_of(service_pattern));
    let methods = match object.get("methods") {
        Some(list) => list
            .filled_list()
            .and_then(|items| items.iter().map(|item| item.one_of(&GRPC_METHODS)).collect()),
        None => Some(GRPC_METHODS.iter().map(|(_, method)| *method).collect()),
    };
    Some(GrpcMatch { methods: methods?, services: services? })
}

/// The longest name of a service that a call may ask for, in bytes.
const LONGEST_SERVICE: usize = 1_000;

fn service_pattern(text: &str) -> Result<ServicePattern, String> {
    if text.len() > LONGEST_SERVICE {
        return Err(format!("is too long; write {LONGEST_SERVICE} letters or less"));
    }
    match text.strip_suffix('*') {
        Some("") => Ok(ServicePattern::Any),
        Some(prefix) if !prefix.contains('*') => Ok(ServicePattern::Prefix(prefix.to_owned())),
        None if !text.contains('*') => Ok(ServicePattern::Exact(text.to_owned())),
        _ => Err(r#"is not a service; write a name, "orders.*" or "*""#.to_owned()),
    }
}
