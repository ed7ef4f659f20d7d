//! The defaults of the table are those that hold.

use super::parse;
use crate::config::keys::ROOT;
use crate::reader::keys::{Key, Kind, Presence};
use std::collections::BTreeSet;
#[cfg(all(target_arch = "wasm32", target_os = "unknown"))]
use wasm_bindgen_test::wasm_bindgen_test as test;

/// Where objects stand: their place in the table, and a configuration with such an object
/// in which `…` is where keys may be added.
const PLACES: [(&str, &str); 21] = [
    ("", "{…}"),
    ("probes", r#"{"probes":[{"name":"p","match":{"path":"/p"}…}]}"#),
    ("probes", r#"{"probes":[{"name":"p","match":{"path":"/p"},"action":"cache"…}]}"#),
    ("probes", r#"{"probes":[{"name":"p","match":{"path":"/p"},"action":"respond"…}]}"#),
    ("probes.match.grpc", r#"{"probes":[{"name":"p","match":{"grpc":{…}}}]}"#),
    (
        "probes.match.headers",
        r#"{"probes":[{"name":"p","match":{"headers":[{"name":"a","exact":"b"…}]}}]}"#,
    ),
    (
        "probes.cache",
        r#"{"probes":[{"name":"p","match":{"path":"/p"},"action":"cache","cache":{…}}]}"#,
    ),
    ("probes.limit", r#"{"probes":[{"name":"p","match":{"path":"/p"},"limit":{"rate":"1/s"…}}]}"#),
    ("probes.breaker", r#"{"probes":[{"name":"p","match":{"path":"/p"},"breaker":{…}}]}"#),
    (
        "probes.allow",
        r#"{"probes":[{"name":"p","match":{"path":"/p"},"allow":{"cidrs":["::/0"]…}}]}"#,
    ),
    (
        "probes.when",
        r#"{"admin":{"cluster":"a"},"probes":[{"name":"p","match":{"path":"/p"},"action":"respond","when":[{"clusters":["b"]…}]}]}"#,
    ),
    (
        "probes.when.traffic",
        r#"{"probes":[{"name":"p","match":{"path":"/p"},"action":"respond","when":[{"traffic":{"max_error_rate":"1%"…}}]}]}"#,
    ),
    ("checks", r#"{"checks":[{"name":"c","grpc":{"cluster":"c"}…}]}"#),
    ("checks.grpc", r#"{"checks":[{"name":"c","grpc":{"cluster":"c"…}}]}"#),
    ("checks.http", r#"{"checks":[{"name":"c","http":{"cluster":"c","path":"/"…}}]}"#),
    ("admin", r#"{"admin":{"cluster":"a"…}}"#),
    ("score", r#"{"score":{…}}"#),
    ("score.protocol", r#"{"score":{"protocol":{…}}}"#),
    ("counters", r#"{"counters":[{"name":"c","when":{}…}]}"#),
    (
        "counters.when.response.headers",
        r#"{"counters":[{"name":"c","when":{"response":{"headers":[{"name":"a","exact":"b"…}]}}}]}"#,
    ),
    (
        "counters.when.request.headers",
        r#"{"counters":[{"name":"c","when":{"request":{"headers":[{"name":"a","exact":"b"…}]}}}]}"#,
    ),
];
/// What is told apart from being written: these have tests of their own.
const TOLD_APART: [&str; 2] = ["probes", "probes.timeout"];

/// All keys with a default, by their place in the table.
fn with_default(keys: &'static [Key], place: &str, found: &mut Vec<(String, &'static Key)>) {
    for key in keys {
        let here = [place, key.name].join(if place.is_empty() { "" } else { "." });
        if matches!(key.presence, Presence::Default(_)) {
            found.push((here.clone(), key));
        }
        let below = match key.kind {
            Kind::Object(keys) | Kind::WordOrObject((_, keys)) | Kind::Map(keys) => *keys,
            Kind::List(items) => match items.of {
                Kind::Object(keys) => keys,
                _ => continue,
            },
            _ => continue,
        };
        with_default(below, &here, found);
    }
}

fn written(key: &Key) -> String {
    let Presence::Default(value) = key.presence else { panic!("no default: {}", key.name) };
    match key.kind {
        Kind::Text(_) | Kind::Word(_) | Kind::WordOrObject(_) => format!("{value:?}"),
        _ => (*value).to_owned(),
    }
}

#[test]
fn a_key_that_is_left_out_means_its_default() {
    let mut all = Vec::new();
    with_default(ROOT, "", &mut all);
    let mut proven: BTreeSet<&str> = TOLD_APART.into();
    for (place, key) in &all {
        let object = place.rsplit_once('.').map_or("", |(object, _)| object);
        for (_, config) in PLACES.iter().filter(|(there, _)| *there == object) {
            let comma = if config.contains("{…") { "" } else { "," };
            let member = format!("{comma}{:?}:{}", key.name, written(key));
            let (without, with) = (config.replace('…', ""), config.replace('…', &member));
            // Keys that have no effect there are refused, by tests of their own.
            let Ok(with) = parse(&with) else { continue };
            if !TOLD_APART.contains(&place.as_str()) {
                assert_eq!(with, parse(&without).unwrap(), "{place}: {}", written(key));
            }
            proven.insert(place);
        }
    }
    let missing: Vec<_> = all.iter().filter(|(place, _)| !proven.contains(&**place)).collect();
    let missing: Vec<_> = missing.into_iter().map(|(place, _)| place).collect();
    assert!(missing.is_empty(), "no configuration here tries {missing:?}");
}
