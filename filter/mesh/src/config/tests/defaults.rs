//! The defaults of the table are those that hold.

use super::{parse, with, with_member, with_service, with_services, with_source};
use crate::config::keys::ROOT;
use heartbeat_common::reader::keys::{Key, Kind, Presence};
use std::collections::BTreeSet;

/// Where objects stand: their place in the table, and a configuration with such an object in
/// which `…` is where keys may be added.
fn places() -> Vec<(&'static str, String)> {
    let asks = r#""service":"s","instance":"10.1.0.5:80""#;
    vec![
        (
            "",
            with(r#""hold":"25s"…"#).replace(r#""hold":"25s""#, r#""readers":{"cidrs":["::/0"]}"#),
        ),
        ("services", with_service("…")),
        ("services.members", with_member(r#"{"id":"10.1.0.5:80"…}"#)),
        (
            "services.learn",
            with_services(r#"[{"name":"s","learn":[{"addresses":["10.0.0.0/8"]…}]}]"#),
        ),
        ("sources", with_source(r#""allow":{"cidrs":["::/0"]},"beat":"1s"…"#)),
        ("sources", with_source(&format!(r#""http":{{"cluster":"c","path":"/"}},{asks}…"#))),
        ("sources", with_source(&format!(r#""grpc":{{"cluster":"c"}},{asks}…"#))),
        ("sources.grpc", with_source(&format!(r#""grpc":{{"cluster":"c"…}},{asks}"#))),
        ("sources.hub", with_source(r#""hub":{"cluster":"c"…}"#)),
        ("webhooks", with(r#""webhooks":[{"name":"w","cluster":"c","path":"/"…}]"#)),
        ("recover", with(r#""recover":{…}"#)),
        ("limits", with(r#""limits":{…}"#)),
    ]
}

/// All keys with a default, by their place in the table.
fn with_default(keys: &'static [Key], place: &str, found: &mut Vec<(String, &'static Key)>) {
    for key in keys {
        let here = [place, key.name].join(if place.is_empty() { "" } else { "." });
        if matches!(key.presence, Presence::Default(_)) {
            found.push((here.clone(), key));
        }
        match key.kind {
            Kind::Object(keys) => with_default(keys, &here, found),
            Kind::List(items) => {
                if let Kind::Object(keys) = items.of {
                    with_default(keys, &here, found);
                }
            }
            _ => {}
        }
    }
}

fn written(key: &Key) -> String {
    let Presence::Default(value) = key.presence else { panic!("no default: {}", key.name) };
    match key.kind {
        Kind::Text(_) | Kind::Word(_) => format!("{value:?}"),
        _ => (*value).to_owned(),
    }
}

#[test]
fn each_default_of_the_table_is_what_holds_where_it_is_not_written() {
    let mut all = Vec::new();
    with_default(ROOT, "", &mut all);
    let mut proven = BTreeSet::new();
    for (object, json) in places() {
        let without = json.replace('…', "");
        let before = parse(&without).unwrap();
        for (place, key) in &all {
            let (around, name) = place.rsplit_once('.').unwrap_or(("", place));
            if around != object {
                continue;
            }
            let empty = json.contains("{…");
            let comma = if empty { "" } else { "," };
            let json = json.replace('…', &format!("{comma}{name:?}:{}", written(key)));
            // What has no effect here has its effect in another place.
            let Ok(with) = parse(&json) else { continue };
            assert_eq!(
                format!("{with:?}").split("fingerprint").next(),
                format!("{before:?}").split("fingerprint").next(),
                "{json}"
            );
            proven.insert(place.clone());
        }
    }
    let missing: Vec<_> =
        all.iter().map(|(place, _)| place).filter(|it| !proven.contains(*it)).collect();
    assert!(missing.is_empty(), "no configuration here tries {missing:?}");
}
