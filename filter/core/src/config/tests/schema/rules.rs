//! What a schema says of keys beside each other: where one takes effect, and some things
//! that the table doesn't tell.

use super::writer::{list, object, read, text, words};
use crate::config::keys::{Key, Kind, ProbeKind, Scope};
use crate::config::tree::Json;

const KINDS: [(ProbeKind, &str, bool); 6] = [
    (ProbeKind::Forwarded, "forward", false),
    (ProbeKind::Cached, "cache", false),
    (ProbeKind::Answered, "respond", false),
    (ProbeKind::ForwardedCall, "forward", true),
    (ProbeKind::CachedCall, "cache", true),
    (ProbeKind::AnsweredCall, "respond", true),
];

/// The rules for an object with these keys.
pub(super) fn of(keys: &[Key]) -> Vec<Json> {
    let mut rules: Vec<Json> = keys.iter().filter_map(beside_others).collect();
    if keys.iter().any(|key| matches!(key.scope, Scope::On(_))) {
        rules.extend(KINDS.map(|kind| of_probes(keys, kind)));
    }
    rules.extend(beyond_the_table(keys));
    rules
}

/// A key that has a meaning only beside others, or only without others.
fn beside_others(key: &Key) -> Option<Json> {
    let condition = match key.scope {
        Scope::With(others) => object([("not", any(others.iter().copied()))]),
        Scope::Without(others) => any(others.iter().map(|(other, _)| *other)),
        Scope::Always | Scope::On(_) => return None,
    };
    Some(unless(condition, [key.name]))
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

/// At least one of these keys is there.
fn any<'a>(names: impl IntoIterator<Item = &'a str>) -> Json {
    let mut all: Vec<Json> =
        names.into_iter().map(|name| object([("required", words(&[name]))])).collect();
    if all.len() == 1 { all.remove(0) } else { object([("anyOf", list(all))]) }
}

/// A key that is there and holds this.
fn with(name: &str, schema: Json) -> Json {
    object([("properties", object([(name, schema)])), ("required", words(&[name]))])
}

fn properties(name: &str, schema: Json) -> Json {
    object([("properties", object([(name, schema)]))])
}

fn when(condition: Json, then: Json) -> Json {
    object([("if", condition), ("then", then)])
}

/// None of these keys where a condition holds.
fn unless<'a>(condition: Json, names: impl IntoIterator<Item = &'a str>) -> Json {
    let none = object(names.into_iter().map(|name| (name, Json::Bool(false))));
    when(condition, object([("properties", none)]))
}
