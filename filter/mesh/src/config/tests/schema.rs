//! The JSON schema is written from the table of keys, and says of a configuration what the
//! reader says, as far as a schema can; the page of the reference has the keys of the table.
//!
//! `BLESS=1` writes the file anew; without it, one that isn't as the table says is a fault.

use crate::config::HubConfig;
use crate::config::keys::ROOT;
use crate::config::tests::VARIABLES;
use heartbeat_common::reader::keys::Key;
use heartbeat_common::reader::tree::Json;
use heartbeat_common::schema::reference::{self, Page};
use heartbeat_common::schema::rules::{any, properties, unless, when, with};
use heartbeat_common::schema::writer::{object, read, text, words};
use heartbeat_common::schema::{Limit, Schema};
use std::path::{Path, PathBuf};
use std::sync::OnceLock;

/// The schema of configurations of the hub.
pub(super) static SCHEMA: Schema = Schema {
    title: "Configuration of the hub of Heartbeat Filter",
    source: "filter/mesh/src/config/keys.rs",
    root: ROOT,
    rules,
    limits: LIMITS,
    compiled: OnceLock::new(),
};

/// Rules between values, by what an object's keys are.
fn rules(keys: &'static [Key]) -> Vec<Json> {
    let has = |name: &str| keys.iter().any(|key| key.name == name);
    let not_like = |pattern: &str| object([("not", object([("pattern", text(pattern))]))]);
    if has("quorum") {
        return vec![properties("quorum", not_like("^0*100"))];
    }
    if has("id") {
        let socket_address = object([("pattern", text("^[0-9.]+:[0-9]{1,5}$"))]);
        let without = object([("not", any(["address"]))]);
        return vec![when(without, properties("id", socket_address))];
    }
    if has("trust") {
        let watch = with("watch", object([("const", Json::Bool(true))]));
        return vec![
            properties("trust", object([("minimum", read("0.1"))])),
            when(any(["http", "grpc"]), object([("required", words(&["service", "instance"]))])),
            when(any(["allow"]), any(["stale", "beat"])),
            unless(with("grpc", watch), ["stale"]),
        ];
    }
    if has("body") {
        return vec![properties(
            "body",
            not_like("^0*([0-9]{1,3}|10[01][0-9]|102[0-3])B$|^0+(KiB|MiB)$"),
        )];
    }
    Vec::new()
}

/// What the reader refuses and no schema can.
const LIMITS: &[Limit] = &[
    Limit {
        says: ": stands here twice; keep one",
        why: "what reads JSON for a validator has kept one of two equal keys",
        example: r#"{"services":SERVICES,"sources":SOURCES,"hold":"1s","hold":"1s"}"#,
    },
    Limit {
        says: " is taken by an earlier ",
        why: "uniqueItems compares whole items, not their names",
        example: r#"{"services":[{"name":"s","members":[{"id":"10.1.0.5:80"},{"id":"10.1.0.5:80","weight":2}]}],"sources":SOURCES}"#,
    },
    Limit {
        says: "is an earlier source's, too",
        why: "no keyword holds the items of two lists against each other",
        example: r#"{"services":SERVICES,"sources":[{"name":"a","allow":{"cidrs":["10.0.0.0/8"]},"stale":"1s"},{"name":"b","allow":{"cidrs":["10.9.0.0/16"]},"stale":"1s"}]}"#,
    },
    Limit {
        says: "no service is called",
        why: "no keyword looks a value up elsewhere",
        example: r#"{"services":SERVICES,"sources":[{"name":"a","allow":{"cidrs":["10.0.0.0/8"]},"stale":"1s","service":"t"}]}"#,
    },
    Limit {
        says: "has no member",
        why: "no keyword looks a value up elsewhere",
        example: r#"{"services":SERVICES,"sources":[{"name":"a","grpc":{"cluster":"c"},"service":"s","instance":"x"}]}"#,
    },
    Limit {
        says: "which isn't set for the VM",
        why: "no keyword knows an environment",
        example: r#"{"services":SERVICES,"sources":SOURCES,"webhooks":[{"name":"w","cluster":"c","path":"/","sign_with":"MISSING"}]}"#,
    },
    Limit {
        says: "names no variable",
        why: "a pattern for what may stand anywhere in a text would be hard to read",
        example: r#"{"services":SERVICES,"sources":SOURCES,"webhooks":[{"name":"w","cluster":"c","path":"/${"}]}"#,
    },
    Limit {
        says: "is a header that the hub writes itself",
        why: "names of headers are compared without case",
        example: r#"{"services":SERVICES,"sources":SOURCES,"webhooks":[{"name":"w","cluster":"c","path":"/","headers":{"Host":"a"}}]}"#,
    },
    Limit {
        says: "is not a header's value",
        why: "what is no control character takes a pattern of all that is one",
        example: r#"{"services":SERVICES,"sources":SOURCES,"webhooks":[{"name":"w","cluster":"c","path":"/","headers":{"a":"\u0007"}}]}"#,
    },
    Limit {
        says: r#" members, and "limits" has "#,
        why: "no keyword adds up",
        example: r#"{"services":[{"name":"s","members":[{"id":"10.1.0.5:80"},{"id":"10.1.0.6:80"}]}],"sources":SOURCES,"limits":{"instances":1}}"#,
    },
    Limit {
        says: "is shorter than three times the",
        why: "no keyword compares two values",
        example: r#"{"services":SERVICES,"sources":[{"name":"a","allow":{"cidrs":["10.0.0.0/8"]},"beat":"1s","stale":"2s"}]}"#,
    },
    Limit {
        says: "is longer than the interval",
        why: "no keyword compares two values",
        example: r#"{"services":SERVICES,"sources":[{"name":"a","grpc":{"cluster":"c"},"service":"s","instance":"10.1.0.5:80","timeout":"2s"}]}"#,
    },
    Limit {
        says: r#"write an "at_most" that is no shorter"#,
        why: "no keyword compares two values",
        example: r#"{"services":SERVICES,"sources":SOURCES,"recover":{"after":"2s","at_most":"1s"}}"#,
    },
    Limit {
        says: "is longer than a day",
        why: "no pattern reads numbers",
        example: r#"{"services":[{"name":"s","members":[{"id":"10.1.0.5:80"}],"forget":"25h"}],"sources":SOURCES}"#,
    },
    Limit {
        says: "is not an address and a port",
        why: "no pattern reads numbers, and the forms of IPv6 are too many for one",
        example: r#"{"services":[{"name":"s","members":[{"id":"a","address":"999.0.0.1:80"}]}],"sources":SOURCES}"#,
    },
    Limit {
        says: "says not where it is",
        why: "no pattern reads numbers",
        example: r#"{"services":[{"name":"s","members":[{"id":"10.1.0.5:99999"}]}],"sources":SOURCES}"#,
    },
    Limit {
        says: "has no prefix length from 0 to",
        why: "no pattern reads numbers",
        example: r#"{"services":[{"name":"s","learn":[{"addresses":["10.0.0.0/33"]}]}],"sources":SOURCES}"#,
    },
    Limit {
        says: "has bits beyond its prefix",
        why: "no pattern calculates",
        example: r#"{"services":[{"name":"s","learn":[{"addresses":["10.0.0.1/8"]}]}],"sources":SOURCES}"#,
    },
    Limit {
        says: "is IPv4 in the clothes of IPv6",
        why: "the forms of IPv6 are too many for a pattern",
        example: r#"{"services":[{"name":"s","learn":[{"addresses":["::ffff:10.0.0.1"]}]}],"sources":SOURCES}"#,
    },
    Limit {
        says: "is not a range",
        why: "the forms of IPv6 are too many for a pattern",
        example: r#"{"services":[{"name":"s","learn":[{"addresses":["1::2::3"]}]}],"sources":SOURCES}"#,
    },
    Limit {
        says: ".0 is out of range; write a whole number",
        why: "to a schema 2.0 is a whole number",
        example: r#"{"services":SERVICES,"sources":SOURCES,"limits":{"batch":2.0}}"#,
    },
];

#[test]
fn what_no_schema_can_say_the_reader_does() {
    for limit in LIMITS {
        let example =
            limit.example.replace("SERVICES", super::SERVICES).replace("SOURCES", super::SOURCES);
        let errors = HubConfig::from_bytes(example.as_bytes(), VARIABLES).unwrap_err();
        SCHEMA.hold_limit(limit, &example, &errors);
    }
}

fn workspace() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../..")
}

#[test]
fn the_schema_is_as_the_table_of_keys_says() {
    SCHEMA.hold_file(&workspace().join("envoy-config/schema/heartbeat-hub.schema.json"));
}

/// Strings at the edge of what keys may hold: reader and schema must agree on each.
#[test]
fn reader_and_schema_agree_on_strings() {
    let member = |member: &str| super::with_member(member);
    let source = |more: &str| super::with_source(more);
    let asked = r#""service":"s","instance":"10.1.0.5:80""#;
    let places = [
        super::with_services(r#"[{"name":"…","members":[{"id":"10.1.0.5:80"}]}]"#),
        super::with_service(r#","forget":"…""#),
        super::with_service(r#","quorum":"…""#),
        member(r#"{"id":"…"}"#),
        member(r#"{"id":"…","address":"10.1.0.5:80"}"#),
        member(r#"{"id":"a","address":"…"}"#),
        super::with_services(r#"[{"name":"s","learn":[{"addresses":["…"]}]}]"#),
        super::with_sources(r#"[{"name":"…","allow":{"cidrs":["::/0"]},"stale":"1s"}]"#),
        source(r#""allow":{"cidrs":["::/0"]},"stale":"…""#),
        source(r#""allow":{"cidrs":["::/0"]},"beat":"…""#),
        source(&format!(r#""http":{{"cluster":"c","path":"…"}},{asked}"#)),
        source(&format!(r#""grpc":{{"cluster":"…"}},{asked}"#)),
        source(&format!(r#""grpc":{{"cluster":"c","service":"…"}},{asked}"#)),
        source(r#""hub":{"cluster":"c","wait":"…"}"#),
        super::with(r#""hold":"…""#),
        super::with(r#""publish_every":"…""#),
        super::with(r#""limits":{"body":"…"}"#),
        super::with(r#""limits":{"rate":"…"}"#),
    ];
    for place in places {
        let accepted =
            STRINGS.iter().filter(|text| super::parse(&place.replace('…', text)).is_ok());
        assert!(accepted.count() > 0, "no string fits {place}");
    }
}

#[rustfmt::skip]
const STRINGS: [&str; 84] = [
    "", " ", "a", "A", "-a", ".a", "a b", "a/b", "a.b", "a-b_c", "a;b", "é", "a@b", "events", "subscribe", "event",
    "0s", "00ms", "0.0s", "0h", "1s", "01s", "1.5s", "0.001s", "0.0005s", "1.0000s", "1ms", "99ms", "100ms", "999ms",
    "1000ms", "1001ms", "1.001s", "0.999s", "1m", "2m", "59.999s", "60s", "60.5s", "61s", "60000ms", "60001ms", "1h", "25s", "5ms",
    "none", "1d", "-1s", "0%", "50%", "66.6%", "99.99%", "99%", "100%", "100.0%", "101%", "050%", "0100%", "50", "0.5",
    "0B", "1023B", "1024B", "1KiB", "0KiB", "1MiB", "2MiB", "1024KiB", "1025KiB", "64kib",
    "/", "/a?b", "/a*", "10.1.0.5:80", "10.1.0.5:0080", "10.1.0.5", "[fd00::5]:80", "localhost:80",
    "::/0", "10.0.0.0/8", "50/s", "0/s", "05/m", "4294967296/s",
];

#[test]
fn the_reference_has_the_keys_of_the_table_and_their_defaults() {
    let path = workspace().join("docs/mesh/configuration.md");
    let text = std::fs::read_to_string(&path).unwrap();
    let page = Page {
        name: "configuration.md",
        text,
        objects: &["", "services", "sources", "recover", "limits", "webhooks"],
    };
    let faults = reference::faults(ROOT, &[page]);
    assert!(faults.is_empty(), "{}", faults.join("\n"));
}
