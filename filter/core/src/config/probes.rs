//! `probes`: the rules that match a probe and say what happens to it.

use super::evidence;
use super::guards;
use super::matching;
use super::names::{plain_name, refuse_twins};
use super::reader::{Object, Reader};
use crate::base::units::parse_duration;
use crate::matching::paths::PathIndex;
use crate::matching::rule::{Match, PathMatch, ServicePattern};
use crate::probe::{Action, Connection, ProbeRule};
use std::time::Duration;

const DEFAULT_TIMEOUT: Duration = Duration::from_secs(3);
const MOST_RETRIES: u32 = 10;

const KEYS: [&str; 14] = [
    "name",
    "match",
    "action",
    "timeout",
    "connection",
    "retries",
    "when",
    "format",
    "details",
    "cache",
    "limit",
    "breaker",
    "allow",
    "via_http",
];

/// Reads the list of rules.
pub(super) fn read(list: &Reader<'_>) -> Option<Vec<ProbeRule>> {
    let items = list.list()?;
    let rules: Vec<Option<ProbeRule>> = items.iter().map(read_rule).collect();
    refuse_twins("probe", &items, &rules, |rule| &rule.name);
    refuse_shadowed(&items, &rules);
    rules.into_iter().collect()
}

/// Refuses every rule that an earlier one leaves nothing. To hold each against all before
/// it would take too long: only those can be it that are for its own path or one above,
/// or for the first of its services.
fn refuse_shadowed(items: &[Reader<'_>], rules: &[Option<ProbeRule>]) {
    let (mut paths, mut services) = (PathIndex::default(), PathIndex::default());
    for (number, (item, rule)) in items.iter().zip(rules).enumerate() {
        let Some(rule) = rule else { continue };
        let earlier = match &rule.matcher {
            Match::Http(http) => paths.find(http.path.text().as_bytes()),
            Match::Grpc(grpc) => {
                let first = grpc.services.first().map_or(PathMatch::Any, as_path);
                services.find(first.text().as_bytes())
            }
        };
        let mut earlier = earlier.iter().filter_map(|number| rules.get(*number)?.as_ref());
        if let Some(shadow) = earlier.find(|other| other.matcher.shadows(&rule.matcher)) {
            let mend = if shadow.allow.is_some() {
                r#""allow" doesn't pass on to the next rule; to tell some more than others, give one rule "details": { "cidrs": [...] }"#
            } else {
                "put it first, or remove it"
            };
            let shadow = &shadow.name;
            item.error(format!("is never reached: {shadow:?} takes all that it matches; {mend}"));
        }
        match &rule.matcher {
            Match::Http(http) => paths.add(&http.path, number),
            Match::Grpc(grpc) => {
                grpc.services.iter().for_each(|service| services.add(&as_path(service), number));
            }
        }
    }
}

/// A service in an index of paths.
fn as_path(service: &ServicePattern) -> PathMatch {
    match service {
        ServicePattern::Exact(name) => PathMatch::Exact(name.clone()),
        ServicePattern::Any | ServicePattern::Prefix(_) => PathMatch::Any,
    }
}

fn read_rule(reader: &Reader<'_>) -> Option<ProbeRule> {
    let object = reader.object(&KEYS)?;
    let name = object
        .required("name", r#""name": "liveness""#)
        .and_then(|name| name.parsed(|text| plain_name("probe", text)));
    let matcher = object
        .required("match", r#""match": { "path": "/health" }"#)
        .and_then(|reader| matching::read(&reader));
    let action = read_action(&object);
    let timeout = object.optional("timeout", |reader| reader.parsed(timeout));
    let connection = object.or_default("connection", Connection::Auto, |reader| {
        reader.one_of(&[
            ("auto", Connection::Auto),
            ("close", Connection::Close),
            ("keep", Connection::Keep),
        ])
    });
    let retries = object.or_default("retries", 0, |reader| reader.count(MOST_RETRIES));
    let limit = object.optional("limit", guards::read_limit);
    let breaker = object.optional("breaker", guards::read_breaker);
    let allow = object.optional("allow", guards::read_allow);
    let via_http = object.optional("via_http", |path| path.parsed(matching::exact_path));
    if let (Some(action), Some(matcher)) = (&action, &matcher) {
        refuse_contradictions(&object, action, matcher);
    }
    Some(ProbeRule {
        name: name?,
        matcher: matcher?,
        action: action?,
        timeout: timeout?.unwrap_or(Some(DEFAULT_TIMEOUT)),
        watch_timeout: timeout?.flatten(),
        connection: connection?,
        retries: retries?,
        limit: limit?,
        breaker: breaker?,
        allow: allow?,
        via_http: via_http?,
    })
}

fn read_action(rule: &Object<'_>) -> Option<Action> {
    let word = rule.get("action").map_or(Some("forward"), |reader| {
        let words = ["forward", "cache", "respond"];
        reader.one_of(&words.map(|word| (word, word)))
    });
    let cache = rule.optional("cache", guards::read_cache);
    let respond = evidence::read_respond(rule);
    Some(match word? {
        "cache" => Action::Cache(cache?.unwrap_or_default()),
        "respond" => Action::Respond(respond?),
        _ => Action::Forward,
    })
}

/// Keys that could never take effect are mistakes: whoever wrote them expects
/// something of them.
fn refuse_contradictions(rule: &Object<'_>, action: &Action, matcher: &Match) {
    let on_limit = rule.get("limit").and_then(|limit| limit.member("on_limit"));
    if let (Match::Grpc(_), Some(reader)) = (matcher, on_limit)
        && reader.text() == Some("last_verdict")
    {
        reader.error("can't repeat a message of gRPC; write \"reject\", or leave it out");
    }
    let (what, idle): (&str, &[&str]) = match (action, matcher) {
        (Action::Forward, Match::Http(_)) => {
            ("a forwarded probe", &["when", "format", "details", "cache", "via_http"])
        }
        (Action::Respond(_), Match::Grpc(_)) => {
            let idle = &[
                "format",
                "details",
                "timeout",
                "connection",
                "retries",
                "cache",
                "breaker",
                "via_http",
            ];
            ("a call that the proxy answers", idle)
        }
        (Action::Cache(_), Match::Grpc(_)) => {
            ("a cached call", &["when", "format", "details", "connection", "via_http"])
        }
        (Action::Respond(_), _) => (
            "a probe that the proxy answers",
            &["timeout", "connection", "retries", "cache", "breaker", "via_http"],
        ),
        (Action::Cache(_), _) => ("a cached probe", &["when", "format", "details", "via_http"]),
        (Action::Forward, Match::Grpc(_)) => {
            let idle = &["when", "format", "details", "cache", "connection"];
            ("a gRPC probe", idle)
        }
    };
    for key in idle {
        if let Some(reader) = rule.get(key) {
            reader.error(format!("has no effect on {what}; leave it out"));
        }
    }
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
