//! `score`: what the health score goes by.

use crate::reader::keys::Kind::{Bool, Count, List, Number, Object, Text, Word};
use crate::reader::keys::Presence::{Default, Optional, Required};
use crate::reader::keys::{Form, Key, Presence, filled, key};

/// `score`.
pub(super) const SCORE: &[Key] = &[
    key(
        "weights",
        &Object(WEIGHTS),
        &Default(r#"{ "topology": 0.4, "stability": 0.35, "protocol": 0.25 }"#),
        "What each axis counts for beside the others",
    ),
    key("window", &Text(Form::Window), &Default("1m"), "How far to look back: `1s` to `1h`"),
    key(
        "min_volume",
        &Count(1, 1_000_000_000),
        &Default("20"),
        "Fewer answers, connections or requests than this say nothing",
    ),
    key(
        "clusters",
        &List(&filled(Text(Form::Cluster)).most(64)),
        &Optional,
        "Clusters that matter, beside those that conditions name",
    ),
    key("protocol", &Object(PROTOCOL), &Default("{}"), "What connections should be like"),
];

/// `weights`.
const WEIGHTS: &[Key] = &[
    weight("topology", &Required(r#""topology": 0.25, or 0 to leave it out of the score"#)),
    weight("stability", &Required(r#""stability": 0.25, or 0 to leave it out of the score"#)),
    weight("protocol", &Required(r#""protocol": 0.25, or 0 to leave it out of the score"#)),
];

const fn weight(axis: &'static str, presence: &'static Presence) -> Key {
    key(axis, &Number(0, 1_000), presence, "What this axis counts for; 0 leaves it out")
}

/// `protocol`.
const PROTOCOL: &[Key] = &[
    key(
        "tls",
        &Word(&["1.0", "1.1", "1.2", "1.3"]),
        &Optional,
        "The oldest TLS version of clients",
    ),
    key("mtls", &Bool, &Default("false"), "Clients must show a certificate"),
    key(
        "alpn",
        &List(&filled(Word(&["http/1.1", "h2", "h3"]))),
        &Optional,
        "What clients must speak, one of these; without it anything",
    ),
    key(
        "handshakes",
        &Word(&["both", "upstream"]),
        &Default("both"),
        "`upstream` leaves the connections of clients out",
    ),
];
