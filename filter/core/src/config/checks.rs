//! `checks` and `admin`: what the proxy asks on its own account.

use super::guards::positive;
use super::keys;
use super::matching::exact_path;
use super::names::{plain_name, refuse_twins};
use super::object::Object;
use super::reader::Reader;
use super::statuses::status_pattern;
use crate::base::units::parse_duration;
use crate::facts::admin::AdminRule;
use crate::facts::check::{CheckCall, CheckRule, GrpcCheck, HttpCheck, Initial};
use crate::matching::status::StatusPattern;
use std::time::Duration;

const SHORTEST_INTERVAL: Duration = Duration::from_millis(100);
/// Longer than any that is in use; its length fits one byte of a message.
const LONGEST_SERVICE: usize = 120;
/// The host of a request to a cluster whose name can't be one.
const NO_HOST: &str = "localhost";

/// Reads `checks`.
pub(super) fn read(root: &Object<'_>) -> Vec<CheckRule> {
    let items = root.items("checks");
    let rules: Vec<Option<CheckRule>> = items.iter().map(|item| item.sound(read_check)).collect();
    refuse_twins("check", &items);
    rules.into_iter().flatten().collect()
}

fn read_check(reader: &Reader<'_>) -> CheckRule {
    let object = reader.object(keys::checks::CHECK);
    let name = object.value("name", check_name);
    let call = read_call(&object);
    let (interval, timeout) = read_pace(&object);
    CheckRule {
        name,
        call,
        interval,
        timeout,
        rise: object.count("rise"),
        fall: object.count("fall"),
        initial: object.word("initial", Initial::Unknown, &[Initial::Pass]),
    }
}

fn read_call(object: &Object<'_>) -> CheckCall {
    match object.chosen().as_slice() {
        [_] => {}
        [] => object.error(
            r#"asks nothing; add "http": { "cluster": "db", "path": "/ping" } or "grpc": { "cluster": "db" }"#,
        ),
        _ => object.error(r#"asks over "http" and "grpc"; write a check for each"#),
    }
    let http = object.optional_object("http", read_http);
    // Where there is neither, this stands in its place.
    let grpc = || read_grpc(&object.object("grpc"));
    match http {
        Some(http) if !object.has("grpc") => CheckCall::Http(http),
        _ => CheckCall::Grpc(grpc()),
    }
}

fn read_grpc(object: &Object<'_>) -> GrpcCheck {
    let cluster = object.value("cluster", cluster_name);
    let authority = object.optional("authority", host);
    GrpcCheck {
        service: object.value("service", grpc_service),
        authority: authority.unwrap_or_else(|| default_host(&cluster)),
        watch: object.flag("watch"),
        cluster,
    }
}

fn read_http(object: &Object<'_>) -> HttpCheck {
    let cluster = object.value("cluster", cluster_name);
    let path = object.value("path", target);
    let host = object.optional("host", host);
    let mut expect = object.list("expect", status_pattern);
    if !object.has("expect") {
        expect.push(StatusPattern::Class(2));
    }
    HttpCheck { host: host.unwrap_or_else(|| default_host(&cluster)), cluster, path, expect }
}

/// Reads `admin`.
pub(super) fn read_admin(object: &Object<'_>) -> AdminRule {
    let cluster = object.value("cluster", cluster_name);
    let (interval, timeout) = read_pace(object);
    AdminRule { cluster, interval, timeout }
}

/// Reads `interval` and `timeout`. The answer to a poll must be there before
/// the next is asked.
fn read_pace(object: &Object<'_>) -> (Duration, Duration) {
    let interval = object.optional("interval", check_interval);
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
pub(super) fn cluster_name(text: &str) -> Result<String, String> {
    if text.is_empty() || text.chars().any(char::is_control) {
        return Err(r#"is not the name of a cluster; write it like "db""#.to_owned());
    }
    Ok(text.to_owned())
}

/// A check stands in JSON beside other evidence, and must not be called like it.
fn check_name(text: &str) -> Result<String, String> {
    let name = plain_name("check", text)?;
    if matches!(text, "server" | "traffic" | "score") {
        return Err("is what other evidence is called; choose another".to_owned());
    }
    Ok(name)
}

/// A path, and a query string where there is one.
fn target(text: &str) -> Result<String, String> {
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
fn grpc_service(text: &str) -> Result<String, String> {
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
pub(crate) fn default_host(cluster: &str) -> String {
    let is_label = |label: &str| {
        let plain = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'-';
        !label.is_empty()
            && !label.starts_with('-')
            && !label.ends_with('-')
            && label.bytes().all(plain)
    };
    if cluster.split('.').all(is_label) { cluster.to_owned() } else { NO_HOST.to_owned() }
}

fn host(text: &str) -> Result<String, String> {
    if text.is_empty() || !text.bytes().all(|byte| byte.is_ascii_graphic()) || text.contains('/') {
        return Err(r#"is not a host; write it like "db.example.com""#.to_owned());
    }
    Ok(text.to_owned())
}

fn check_interval(text: &str) -> Result<Duration, String> {
    let interval = parse_duration(text)?;
    if interval < SHORTEST_INTERVAL {
        return Err(r#"is too short; write "100ms" or more"#.to_owned());
    }
    Ok(interval)
}
