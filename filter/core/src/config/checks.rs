//! `checks` and `admin`: what the proxy asks on its own account.

use super::guards::positive;
use super::matching::exact_path;
use super::names::{plain_name, refuse_twins};
use super::reader::{Object, Reader};
use super::statuses::status_pattern;
use crate::base::units::parse_duration;
use crate::facts::admin::AdminRule;
use crate::facts::check::{CheckCall, CheckRule, GrpcCheck, HttpCheck, Initial};
use crate::matching::status::StatusPattern;
use std::time::Duration;

const DEFAULT_INTERVAL: Duration = Duration::from_secs(5);
const DEFAULT_ADMIN_INTERVAL: Duration = Duration::from_secs(1);
const DEFAULT_TIMEOUT: Duration = Duration::from_secs(1);
const DEFAULT_RISE: u32 = 2;
const DEFAULT_FALL: u32 = 3;
const SHORTEST_INTERVAL: Duration = Duration::from_millis(100);
const MOST_IN_A_ROW: u32 = 1_000;
const MOST_CHECKS: usize = 64;
/// Longer than any that is in use; its length fits one byte of a message.
const LONGEST_SERVICE: usize = 120;
/// The host of a request to a cluster whose name can't be one.
const NO_HOST: &str = "localhost";

/// Reads `checks`.
pub(super) fn read(list: &Reader<'_>) -> Option<Vec<CheckRule>> {
    let items = list.list()?;
    if items.len() > MOST_CHECKS {
        list.error(format!("has {} items; keep {MOST_CHECKS} at most", items.len()));
    }
    let rules: Vec<Option<CheckRule>> = items.iter().map(read_check).collect();
    refuse_twins("check", &items, &rules, |rule| &rule.name);
    rules.into_iter().collect()
}

fn read_check(reader: &Reader<'_>) -> Option<CheckRule> {
    let object = reader
        .object(&["name", "http", "grpc", "interval", "timeout", "rise", "fall", "initial"])?;
    let name = object.required("name", r#""name": "db""#).and_then(|name| name.parsed(check_name));
    let call = read_call(&object);
    let (interval, timeout) = read_pace(&object, DEFAULT_INTERVAL)?;
    let in_a_row = |key, default| {
        object.or_default(key, default, |reader| reader.count_from_one(MOST_IN_A_ROW))
    };
    let (rise, fall) = (in_a_row("rise", DEFAULT_RISE), in_a_row("fall", DEFAULT_FALL));
    let initial = object.or_default("initial", Initial::Unknown, |reader| {
        reader.one_of(&[("unknown", Initial::Unknown), ("pass", Initial::Pass)])
    });
    Some(CheckRule {
        name: name?,
        call: call?,
        interval,
        timeout,
        rise: rise?,
        fall: fall?,
        initial: initial?,
    })
}

fn read_call(object: &Object<'_>) -> Option<CheckCall> {
    match (object.get("http"), object.get("grpc")) {
        (Some(http), None) => read_http(&http).map(CheckCall::Http),
        (None, Some(grpc)) => read_grpc(&grpc).map(CheckCall::Grpc),
        (None, None) => {
            object.error(
                r#"asks nothing; add "http": { "cluster": "db", "path": "/ping" } or "grpc": { "cluster": "db" }"#,
            );
            None
        }
        (Some(http), Some(grpc)) => {
            object.error(r#"asks over "http" and "grpc"; write a check for each"#);
            // What is wrong with either is to be known as well.
            let _ = (read_http(&http), read_grpc(&grpc));
            None
        }
    }
}

fn read_grpc(reader: &Reader<'_>) -> Option<GrpcCheck> {
    let object = reader.object(&["cluster", "service", "authority", "watch"])?;
    let cluster = read_cluster(&object);
    let authority = object.optional("authority", |reader| reader.parsed(host));
    let service = object.or_default("service", String::new(), |reader| reader.parsed(grpc_service));
    let watch = object.or_default("watch", false, Reader::bool);
    let cluster = cluster?;
    let authority = authority?.unwrap_or_else(|| default_host(&cluster));
    Some(GrpcCheck { cluster, service: service?, authority, watch: watch? })
}

fn read_http(reader: &Reader<'_>) -> Option<HttpCheck> {
    let object = reader.object(&["cluster", "path", "host", "expect"])?;
    let cluster = read_cluster(&object);
    let path = object.required("path", r#""path": "/ping""#).and_then(|path| path.parsed(target));
    let host = object.optional("host", |reader| reader.parsed(host));
    let expect = object.or_default("expect", vec![StatusPattern::Class(2)], |reader| {
        reader.list_of(status_pattern)
    });
    let cluster = cluster?;
    Some(HttpCheck {
        host: host?.unwrap_or_else(|| default_host(&cluster)),
        cluster,
        path: path?,
        expect: expect?,
    })
}

/// Reads `admin`.
pub(super) fn read_admin(reader: &Reader<'_>) -> Option<AdminRule> {
    let object = reader.object(&["cluster", "interval", "timeout"])?;
    let cluster = read_cluster(&object);
    let (interval, timeout) = read_pace(&object, DEFAULT_ADMIN_INTERVAL)?;
    Some(AdminRule { cluster: cluster?, interval, timeout })
}

/// Reads `interval` and `timeout`. The answer to a poll must be there before
/// the next is asked.
fn read_pace(object: &Object<'_>, default_interval: Duration) -> Option<(Duration, Duration)> {
    let interval =
        object.or_default("interval", default_interval, |reader| reader.parsed(check_interval));
    let default_timeout = interval.unwrap_or(DEFAULT_TIMEOUT).min(DEFAULT_TIMEOUT);
    let timeout = object.or_default("timeout", default_timeout, |reader| reader.parsed(positive));
    let (interval, timeout) = (interval?, timeout?);
    if let Some(reader) = object.get("timeout").filter(|_| timeout > interval) {
        let milliseconds = interval.as_millis();
        reader.error(format!(
            "is longer than the interval; write \"{milliseconds}ms\" or less, or a longer interval"
        ));
    }
    Some((interval, timeout))
}

fn read_cluster(object: &Object<'_>) -> Option<String> {
    object
        .required("cluster", r#""cluster": "db", the name of an Envoy cluster"#)
        .and_then(|cluster| cluster.parsed(cluster_name))
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

/// The host that a request to a cluster names where nobody says another: the cluster's
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
