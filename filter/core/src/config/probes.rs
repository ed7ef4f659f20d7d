//! `probes`: the rules that recognise a probe and say what happens to it.

use super::reader::{Object, Reader};
use crate::units::parse_duration;
use std::time::Duration;

/// A rule that recognises a kind of probe.
#[derive(Debug, PartialEq)]
pub struct ProbeRule {
    /// Its name: in metrics, in logs, and in `x-heartbeat-probe`.
    pub name: String,
    /// What it recognises.
    pub matcher: Match,
    /// What it does.
    pub action: Action,
    /// How long the application may take; `None` lifts every limit.
    pub timeout: Option<Duration>,
    /// What it does to the connection to the application.
    pub connection: Connection,
    /// How often Envoy may retry the probe.
    pub retries: u32,
}

/// What a rule recognises.
#[derive(Debug, PartialEq, Eq)]
pub enum Match {
    /// A request to an HTTP health path.
    Http(HttpMatch),
    /// A call of `grpc.health.v1.Health`.
    Grpc(GrpcMatch),
}

/// A request to an HTTP health path.
#[derive(Debug, PartialEq, Eq)]
pub struct HttpMatch {
    /// The exact path, compared with case and without the query string.
    pub path: String,
    /// The methods; empty means any.
    pub methods: Vec<String>,
}

/// A call of `grpc.health.v1.Health`.
#[derive(Debug, PartialEq, Eq)]
pub struct GrpcMatch {
    /// The methods.
    pub methods: Vec<GrpcMethod>,
}

/// A method of `grpc.health.v1.Health`.
/// <https://github.com/grpc/grpc/blob/master/src/proto/grpc/health/v1/health.proto>
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum GrpcMethod {
    /// The status of one service, once.
    Check,
    /// The status of every service, once.
    List,
    /// The status of one service, now and whenever it changes.
    Watch,
}

/// What a rule does with a probe.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Action {
    /// To the application, annotated and bounded.
    Forward,
    /// The proxy answers; the application sees nothing.
    Respond,
}

/// What a forwarded HTTP probe does to the connection to the application.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Connection {
    /// Ask the application to close it, so that the next probe needs a new one
    /// and a process that accepts no more connections shows.
    Close,
    /// Leave it open.
    Keep,
}

const DEFAULT_TIMEOUT: Duration = Duration::from_secs(3);
const MOST_RETRIES: u32 = 10;
const LONGEST_NAME: usize = 64;

/// Reads the list of rules.
pub(super) fn read(list: &Reader<'_>) -> Option<Vec<ProbeRule>> {
    let items = list.list()?;
    let rules: Vec<Option<ProbeRule>> = items.iter().map(read_rule).collect();
    for (index, (item, rule)) in items.iter().zip(&rules).enumerate() {
        let Some(rule) = rule else { continue };
        let earlier = rules.iter().take(index).flatten().any(|other| other.name == rule.name);
        if earlier {
            item.error(format!(
                "the name {:?} is taken by an earlier probe; choose another",
                rule.name
            ));
        }
    }
    rules.into_iter().collect()
}

fn read_rule(reader: &Reader<'_>) -> Option<ProbeRule> {
    let object = reader.object(&[
        "name",
        "match",
        "action",
        "timeout",
        "connection",
        "retries",
        "format",
    ])?;
    let name =
        object.required("name", r#""name": "liveness""#).and_then(|name| name.parsed(probe_name));
    let matcher = object
        .required("match", r#""match": { "path": "/health" }"#)
        .and_then(|reader| read_match(&reader));
    let action = object.get("action").map_or(Some(Action::Forward), |reader| {
        reader.one_of(&[("forward", Action::Forward), ("respond", Action::Respond)])
    });
    let timeout =
        object.get("timeout").map_or(Some(Some(DEFAULT_TIMEOUT)), |reader| reader.parsed(timeout));
    let connection = object.get("connection").map_or(Some(Connection::Close), |reader| {
        reader.one_of(&[("close", Connection::Close), ("keep", Connection::Keep)])
    });
    let retries = object.get("retries").map_or(Some(0), |reader| reader.count(MOST_RETRIES));
    if let Some(format) = object.get("format") {
        format.one_of(&[("json", ())]);
    }
    if let (Some(action), Some(matcher)) = (action, &matcher) {
        refuse_contradictions(&object, action, matcher);
    }
    Some(ProbeRule {
        name: name?,
        matcher: matcher?,
        action: action?,
        timeout: timeout?,
        connection: connection?,
        retries: retries?,
    })
}

/// Keys that could never take effect are mistakes: whoever wrote them expects
/// something of them.
fn refuse_contradictions(rule: &Object<'_>, action: Action, matcher: &Match) {
    let idle: &[&str] = match (action, matcher) {
        (Action::Forward, Match::Http(_)) => &["format"],
        (Action::Forward, Match::Grpc(_)) => &["format", "connection"],
        (Action::Respond, Match::Http(_)) => &["timeout", "connection", "retries"],
        (Action::Respond, Match::Grpc(_)) => {
            if let Some(action) = rule.get("action") {
                action.error(
                    r#"a proxy can't answer gRPC by "respond" (Envoy lets no filter send a gRPC message); write "forward""#,
                );
            }
            return;
        }
    };
    for key in idle {
        if let Some(reader) = rule.get(key) {
            let why = if action == Action::Respond {
                "a probe that the proxy answers"
            } else {
                "a forwarded probe"
            };
            let kind = if matches!(matcher, Match::Grpc(_)) { "gRPC" } else { "HTTP" };
            reader.error(format!("has no effect on {why} over {kind}; leave it out"));
        }
    }
}

/// Names stand in header values and stat names, which leaves these characters.
fn probe_name(text: &str) -> Result<String, String> {
    let plain = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'_' || byte == b'-';
    if text.is_empty() || text.len() > LONGEST_NAME || !text.bytes().all(plain) {
        return Err(format!(
            "is not a probe name; write 1 to {LONGEST_NAME} letters, digits, \"_\" or \"-\""
        ));
    }
    Ok(text.to_owned())
}

fn timeout(text: &str) -> Result<Option<Duration>, String> {
    if text == "none" {
        return Ok(None);
    }
    let duration = parse_duration(text)?;
    if duration.is_zero() {
        return Err(r#"would fail every probe; write "none" for no limit"#.to_owned());
    }
    Ok(Some(duration))
}

fn read_match(reader: &Reader<'_>) -> Option<Match> {
    let object = reader.object(&["path", "methods", "grpc"])?;
    if let Some(grpc) = object.get("grpc") {
        for key in ["path", "methods"] {
            if let Some(other) = object.get(key) {
                other.error("can't stand beside \"grpc\"; write a probe of its own");
            }
        }
        return read_grpc(&grpc).map(Match::Grpc);
    }
    let path =
        object.required("path", r#""path": "/health""#).and_then(|reader| reader.parsed(path));
    let methods = match object.get("methods") {
        Some(list) => list
            .filled_list()
            .and_then(|items| items.iter().map(|item| item.parsed(http_method)).collect()),
        None => Some(Vec::new()),
    };
    Some(Match::Http(HttpMatch { path: path?, methods: methods? }))
}

fn path(text: &str) -> Result<String, String> {
    if !text.starts_with('/') {
        return Err(format!("is not a path; write \"/{text}\""));
    }
    if let Some((before, _)) = text.split_once(['?', '#']) {
        return Err(format!(
            "would never match: paths are compared without the query; write {before:?}"
        ));
    }
    Ok(text.to_owned())
}

/// A method (RFC 9110, section 9.1); methods are case-sensitive.
fn http_method(text: &str) -> Result<String, String> {
    if text.is_empty() || !text.bytes().all(|byte| byte.is_ascii_uppercase() || byte == b'-') {
        return Err(format!("is not a method; write {:?}", text.trim().to_ascii_uppercase()));
    }
    Ok(text.to_owned())
}

const GRPC_METHODS: [(&str, GrpcMethod); 3] =
    [("Check", GrpcMethod::Check), ("List", GrpcMethod::List), ("Watch", GrpcMethod::Watch)];

fn read_grpc(reader: &Reader<'_>) -> Option<GrpcMatch> {
    let object = reader.object(&["methods"])?;
    let methods = match object.get("methods") {
        Some(list) => list
            .filled_list()
            .and_then(|items| items.iter().map(|item| item.one_of(&GRPC_METHODS)).collect()),
        None => Some(GRPC_METHODS.iter().map(|(_, method)| *method).collect()),
    };
    Some(GrpcMatch { methods: methods? })
}
