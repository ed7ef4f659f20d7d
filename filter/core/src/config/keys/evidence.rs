//! `when` of a probe: what its answer rests on.

use crate::reader::keys::Kind::{Count, List, Object, Text, Word};
use crate::reader::keys::Presence::{Default, OneOf, Optional, Required};
use crate::reader::keys::Scope::{With, Without};
use crate::reader::keys::{Form, Key, filled, key};

/// What evidence means that speaks against health.
pub(in crate::config) const SEVERITIES: &[&str] = &["fail", "warn"];

/// An item of `when`.
pub(in crate::config) const CONDITION: &[Key] = &[
    key("check", &Text(Form::Open), &OneOf, "The background check of this name is up"),
    key("server", &Word(&["live"]), &OneOf, "Envoy takes traffic, and isn't draining"),
    key(
        "cluster",
        &Text(Form::Cluster),
        &OneOf,
        "At least `min_healthy` of this cluster's hosts are healthy",
    ),
    key(
        "clusters",
        &List(&filled(Text(Form::Cluster)).most(16).distinct()),
        &OneOf,
        "At least `min_healthy` of each of these clusters' hosts are healthy",
    ),
    key("traffic", &Object(TRAFFIC), &OneOf, "Few enough of the ordinary requests fail"),
    key("score", &Object(MIN_SCORE), &OneOf, "The health score is at least `min`"),
    key("need", &Word(&["all", "any"]), &Default("all"), "How many of `clusters` it must hold for")
        .only(&With(&["clusters"])),
    key(
        "min_healthy",
        &Text(Form::Share),
        &Default("50%"),
        "The share of hosts that must be healthy",
    )
    .only(&With(&["cluster", "clusters"])),
    key(
        "severity",
        &Word(SEVERITIES),
        &Default("fail"),
        "What it means where it doesn't hold: the probe fails, or passes degraded",
    ),
    key(
        "on_stale",
        &Word(&["warn", "fail"]),
        &Default("warn"),
        "What evidence means that is too old",
    )
    .only(&Without(&[(
        "traffic",
        "has no effect on \"traffic\", which is never stale; leave it out",
    )])),
];

/// `traffic` of an item.
const TRAFFIC: &[Key] = &[
    key(
        "max_error_rate",
        &Text(Form::Share),
        &Required(r#""max_error_rate": "20%""#),
        "The share of requests that may fail",
    ),
    key(
        "recovers_at",
        &Text(Form::Share),
        &Optional,
        "Once it has failed it holds again at this share; without it at half of `max_error_rate`",
    ),
    key(
        "min_requests",
        &Count(1, 1_000_000_000),
        &Default("20"),
        "Fewer requests than this say nothing",
    ),
    key("window", &Text(Form::Window), &Default("10s"), "How far to look back: `1s` to `1h`"),
];

/// `score` of an item.
const MIN_SCORE: &[Key] = &[
    key("min", &Count(0, 1_000), &Required(r#""min": 600"#), "The least score"),
    key("severity", &Word(SEVERITIES), &Optional, "As beside `score`; only in one of both places"),
];
