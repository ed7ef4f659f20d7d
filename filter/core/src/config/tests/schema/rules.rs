//! What the schema says of keys beside each other that the table doesn't tell, or not so
//! that it could be read for all tables alike.

use crate::config::keys::ProbeKind;
use crate::reader::keys::{Key, Kind, Scope};
use crate::reader::tree::Json;
use heartbeat_common::schema::rules::{any, properties, unless, when, with};
use heartbeat_common::schema::writer::{list, object, read, text, words};

const KINDS: [(ProbeKind, &str, bool); 7] = [
    (ProbeKind::Forwarded, "forward", false),
    (ProbeKind::Cached, "cache", false),
    (ProbeKind::Answered, "respond", false),
    (ProbeKind::Inspected, "inspect", false),
    (ProbeKind::ForwardedCall, "forward", true),
    (ProbeKind::CachedCall, "cache", true),
    (ProbeKind::AnsweredCall, "respond", true),
];

/// The rules for an object with these keys.
pub(super) fn of(keys: &[Key]) -> Vec<Json> {
    let mut rules = Vec::new();
    if keys.iter().any(|key| matches!(key.scope, Scope::On(_))) {
        rules.extend(KINDS.map(|kind| of_probes(keys, kind)));
        rules.push(of_pages());
    }
    rules.extend(beyond_the_table(keys));
    rules
}

/// The keys that have no effect on a kind of probes.
fn of_probes(keys: &[Key], (kind, action, is_grpc): (ProbeKind, &str, bool)) -> Json {
    let grpc = any(["grpc"]);
    let matcher = if is_grpc { grpc } else { object([("not", grpc)]) };
    let is_action = object([("const", text(action))]);
    let condition = object([
        (
            "required",
            if action == "forward" { words(&["match"]) } else { words(&["match", "action"]) },
        ),
        ("properties", object([("match", matcher), ("action", is_action)])),
    ]);
    let idle = keys.iter().filter(|key| matches!(key.scope, Scope::On(on) if on & kind.bit() == 0));
    unless(condition, idle.map(|key| key.name))
}

/// A page of what the proxy knows is for those who are named, and for methods that read.
fn of_pages() -> Json {
    let reading = object([("contains", object([("enum", words(&["GET", "HEAD"]))]))]);
    let matcher = object([("not", any(["grpc"])), ("properties", object([("methods", reading)]))]);
    let page =
        object([("required", words(&["allow"])), ("properties", object([("match", matcher)]))]);
    when(with("action", object([("const", text("inspect"))])), page)
}

/// Rules between values, by what an object's keys are.
fn beyond_the_table(keys: &[Key]) -> Option<Json> {
    let has = |all: &[&str]| all.iter().all(|name| keys.iter().any(|key| key.name == *name));
    if has(&["match", "limit"]) {
        let reject = object([("enum", words(&["reject"]))]);
        return Some(when(
            object([
                ("properties", object([("match", any(["grpc"]))])),
                ("required", words(&["match"])),
            ]),
            object([("properties", object([("limit", properties("on_limit", reject))]))]),
        ));
    }
    if has(&["type", "value", "when"]) {
        let kinds = object([("enum", words(&["gauge", "histogram"]))]);
        return Some(when(with("type", kinds), any(["value"])));
    }
    if has(&["check", "score", "severity"]) {
        let none = properties("severity", Json::Bool(false));
        return Some(when(any(["severity"]), properties("score", none)));
    }
    if has(&["ttl", "key"]) {
        let path = object([("contains", object([("const", text("path"))]))]);
        return Some(properties("key", path));
    }
    if has(&["attribute", "values"]) {
        let classes = object([("enum", words(&["1xx", "2xx", "3xx", "4xx", "5xx"]))]);
        return Some(when(
            with("attribute", object([("const", text("response.code_class"))])),
            properties("values", object([("items", classes)])),
        ));
    }
    if keys.iter().all(|key| matches!(key.kind, Kind::Number(..))) {
        // Weights are kept as millionths.
        let zero = || object([("exclusiveMaximum", read("0.0000005"))]);
        let zeros = object(keys.iter().map(|key| (key.name, zero())));
        let all = list(keys.iter().map(|key| text(key.name)));
        return Some(object([("not", object([("properties", zeros), ("required", all)]))]));
    }
    None
}
