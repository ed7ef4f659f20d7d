//! Values that are written alike wherever they stand.
//!
//! Every error says what is wrong and what to write instead, ready to stand behind the value
//! that it is about.

use super::object::Object;
use crate::base::units::parse_duration;
use std::time::Duration;

const SHORTEST_INTERVAL: Duration = Duration::from_millis(100);
/// Longer than any that is in use; its length fits one byte of a message.
const LONGEST_SERVICE: usize = 120;
/// The host of a request to a cluster whose name can't be one.
const NO_HOST: &str = "localhost";

/// Reads `interval` and `timeout`. The answer to a poll must be there before
/// the next is asked.
pub fn pace(object: &Object<'_>) -> (Duration, Duration) {
    let interval = object.optional("interval", interval);
    let timeout = object.value("timeout", positive);
    if let (Some(interval), Some(reader)) = (interval, object.get("timeout"))
        && timeout > interval
    {
        let milliseconds = interval.as_millis();
        reader.error(format!(
            "is longer than the interval; write \"{milliseconds}ms\" or less, or a longer interval"
        ));
    }
    let interval = interval.unwrap_or_default();
    (interval, timeout.min(interval))
}

/// The name of an Envoy cluster: not empty; the rest is Envoy's to say.
///
/// # Errors
/// What is wrong and what to write instead.
pub fn cluster_name(text: &str) -> Result<String, String> {
    if text.is_empty() || text.chars().any(char::is_control) {
        return Err(r#"is not the name of a cluster; write it like "db""#.to_owned());
    }
    Ok(text.to_owned())
}

/// A path, and a query string where there is one.
///
/// # Errors
/// What is wrong and what to write instead.
pub fn target(text: &str) -> Result<String, String> {
    let (path, query) = text.split_once('?').unwrap_or((text, ""));
    if path.ends_with('*')
        || query.contains('#')
        || !query.bytes().all(|byte| byte.is_ascii_graphic())
    {
        return Err(r#"is not a path to ask; write it like "/ping""#.to_owned());
    }
    exact_path(path)?;
    Ok(text.to_owned())
}

/// The name of a gRPC service; empty for the whole server.
///
/// # Errors
/// What is wrong and what to write instead.
pub fn grpc_service(text: &str) -> Result<String, String> {
    if text.len() > LONGEST_SERVICE || !text.bytes().all(|byte| byte.is_ascii_graphic()) {
        return Err(format!(
            "is not a gRPC service; write it like \"orders.v1.Orders\", in {LONGEST_SERVICE} bytes at most, or \"\" for the whole server"
        ));
    }
    Ok(text.to_owned())
}

/// The host that a request to a cluster names unless a rule names another: the cluster's
/// name, where servers would take it for a host. What they make of letters beyond those
/// of a host's name (RFC 1123, section 2.1) differs, and most of them answer 400.
pub fn default_host(cluster: &str) -> String {
    let is_label = |label: &str| {
        let plain = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'-';
        !label.is_empty()
            && !label.starts_with('-')
            && !label.ends_with('-')
            && label.bytes().all(plain)
    };
    if cluster.split('.').all(is_label) { cluster.to_owned() } else { NO_HOST.to_owned() }
}

/// A host, as the header names it.
///
/// # Errors
/// What is wrong and what to write instead.
pub fn host(text: &str) -> Result<String, String> {
    if text.is_empty() || !text.bytes().all(|byte| byte.is_ascii_graphic()) || text.contains('/') {
        return Err(r#"is not a host; write it like "db.example.com""#.to_owned());
    }
    Ok(text.to_owned())
}

/// How often something is asked.
///
/// # Errors
/// What is wrong and what to write instead.
pub fn interval(text: &str) -> Result<Duration, String> {
    let interval = parse_duration(text)?;
    if interval < SHORTEST_INTERVAL {
        return Err(r#"is too short; write "100ms" or more"#.to_owned());
    }
    Ok(interval)
}

/// A duration that isn't 0.
///
/// # Errors
/// What is wrong and what to write instead.
pub fn positive(text: &str) -> Result<Duration, String> {
    let duration = parse_duration(text)?;
    if duration.is_zero() {
        return Err(r#"is no time at all; write it like "500ms" or "1s""#.to_owned());
    }
    Ok(duration)
}

/// A path without query.
///
/// # Errors
/// What is wrong and what to write instead.
pub fn exact_path(text: &str) -> Result<String, String> {
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

#[cfg(test)]
mod tests {
    use super::*;
    #[cfg(all(target_arch = "wasm32", target_os = "unknown"))]
    use wasm_bindgen_test::wasm_bindgen_test as test;

    #[test]
    fn a_cluster_whose_name_is_no_host_is_asked_as_localhost() {
        for (cluster, host) in [
            ("db", "db"),
            ("db-1.example.com", "db-1.example.com"),
            ("10.0.0.1", "10.0.0.1"),
            ("inbound|8086||", "localhost"),
            ("outbound|8080||a.b.svc", "localhost"),
            ("default/app/80", "localhost"),
            ("envoy_admin", "localhost"),
            ("a..b", "localhost"),
            ("-a", "localhost"),
            ("café", "localhost"),
        ] {
            assert_eq!(default_host(cluster), host, "{cluster}");
        }
    }
}
