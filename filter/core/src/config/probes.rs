//! `probes`: the rules that match a probe and say what happens to it.

use super::evidence;
use super::guards;
use super::inspect;
use super::keys::{self, ProbeKind};
use super::matching;
use crate::base::units::parse_duration;
use crate::matching::paths::PathIndex;
use crate::matching::rule::{Match, PathMatch, ServicePattern};
use crate::probe::{Action, Connection, ProbeRule};
use crate::reader::Reader;
use crate::reader::names::{plain_name, refuse_twins};
use crate::reader::object::Object;
use crate::reader::values::exact_path;
use std::time::Duration;

/// Reads the list of rules.
pub(super) fn read(root: &Object<'_>) -> Vec<ProbeRule> {
    read_rules(&root.items("probes"))
}

/// Reads the items of the list.
pub(super) fn read_rules(items: &[Reader<'_>]) -> Vec<ProbeRule> {
    let rules: Vec<Option<ProbeRule>> = items.iter().map(|item| item.sound(read_rule)).collect();
    refuse_twins("probe", items);
    refuse_shadowed(items, &rules);
    rules.into_iter().flatten().collect()
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

fn read_rule(reader: &Reader<'_>) -> ProbeRule {
    let object = reader.object(keys::probes::PROBE);
    let name = object.value("name", |text| plain_name("probe", text));
    let before = reader.mistakes();
    let matcher = matching::read(&object.object("match"));
    let action = read_action(&object);
    if action == Action::Inspect {
        inspect::refuse_unfit(&object);
    }
    let is_sound = reader.mistakes() == before;
    let timeout = object.value("timeout", timeout);
    let (asks, keeps) = (Connection::Close, Connection::Keep);
    let rule = ProbeRule {
        name,
        matcher,
        action,
        timeout,
        watch_timeout: timeout.filter(|_| object.has("timeout")),
        connection: object.word("connection", Connection::Auto, &[asks, keeps]),
        retries: object.count("retries"),
        limit: object.optional_object("limit", guards::read_limit),
        breaker: object.optional_object("breaker", guards::read_breaker),
        allow: object.optional_object("allow", guards::read_allow),
        via_http: object.optional("via_http", exact_path),
    };
    if is_sound {
        refuse_contradictions(&object, &rule);
    }
    rule
}

fn read_action(rule: &Object<'_>) -> Action {
    let cache = guards::read_cache(&rule.object("cache"));
    let respond = evidence::read_respond(rule);
    match rule.word("action", "forward", &["cache", "respond", "inspect"]) {
        "cache" => Action::Cache(cache),
        "respond" => Action::Respond(respond),
        "inspect" => Action::Inspect,
        _ => Action::Forward,
    }
}

fn refuse_contradictions(object: &Object<'_>, rule: &ProbeRule) {
    let on_limit = object.get("limit").and_then(|limit| limit.member("on_limit"));
    if let (Match::Grpc(_), Some(reader)) = (&rule.matcher, on_limit)
        && reader.text() == Some("last_verdict")
    {
        reader.error("can't repeat a message of gRPC; write \"reject\", or leave it out");
    }
    let kind = match (&rule.action, &rule.matcher) {
        (Action::Forward, Match::Http(_)) => ProbeKind::Forwarded,
        (Action::Cache(_), Match::Http(_)) => ProbeKind::Cached,
        (Action::Respond(_), Match::Http(_)) => ProbeKind::Answered,
        (Action::Inspect, _) => ProbeKind::Inspected,
        (Action::Forward, Match::Grpc(_)) => ProbeKind::ForwardedCall,
        (Action::Cache(_), Match::Grpc(_)) => ProbeKind::CachedCall,
        (Action::Respond(_), Match::Grpc(_)) => ProbeKind::AnsweredCall,
    };
    object.refuse_idle(Some(kind.variant()));
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
