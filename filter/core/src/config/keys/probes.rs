//! `probes`: the rules, and what stands between probers and the application.

use super::ProbeKind::{Answered, AnsweredCall, Cached, CachedCall, Forwarded, ForwardedCall};
use super::evidence::CONDITION;
use super::on;
use crate::clients::keys::{CLIENTS, address, cidrs, principals};
use crate::http::headers::{CACHE_CONTROL, VARY};
use crate::reader::keys::Kind::{Bool, Count, List, Object, Text, Word, WordOrObject};
use crate::reader::keys::Presence::{Default, OneOf, Optional, Required, SomeOf};
use crate::reader::keys::Scope::Without;
use crate::reader::keys::{Form, Items, Key, Scope, filled, key, list};

/// On probes that the application sees.
const TO_THE_APPLICATION: Scope = on(&[Forwarded, Cached, ForwardedCall, CachedCall]);

/// A rule of `probes`.
pub(in crate::config) const PROBE: &[Key] = &[
    key(
        "name",
        &Text(Form::ProbeName),
        &Required(r#""name": "liveness""#),
        "Its name in metrics, logs and headers: 1 to 64 letters, digits, `_` or `-`; unique",
    ),
    key(
        "match",
        &Object(MATCH),
        &Required(r#""match": { "path": "/health" }"#),
        "Which requests are this probe; all that is given must hold",
    ),
    key(
        "action",
        &Word(&["forward", "cache", "respond", "inspect"]),
        &Default("forward"),
        "`forward`: to the application. `cache`: to the application once, and its answer to \
         everyone. `respond`: the proxy answers by what it knows. `inspect`: it shows what it \
         knows to those whom `allow` names, and who GET it",
    ),
    key(
        "timeout",
        &Text(Form::Timeout),
        &Default("3s"),
        "How long the application may take: `250ms`, `3s`, `1m`; `none` lifts the route's \
         timeout too. A Watch has none unless it is written",
    )
    .only(&TO_THE_APPLICATION),
    key(
        "connection",
        &Word(&["auto", "close", "keep"]),
        &Default("auto"),
        "Whether the probe asks the application to close the connection: `auto` where that is \
         known to harm nobody",
    )
    .only(&on(&[Forwarded, Cached])),
    key(
        "retries",
        &Count(0, 10),
        &Default("0"),
        "How often Envoy may retry the probe: on `5xx`, for gRPC on `unavailable`",
    )
    .only(&TO_THE_APPLICATION),
    key(
        "when",
        &List(&list(Object(CONDITION)).most(64)),
        &Default("[]"),
        "What the answer rests on; without it, it passes as long as the proxy runs",
    )
    .only(&on(&[Answered, AnsweredCall])),
    key(
        "format",
        &Word(&["json", "text", "health+json", "kubernetes", "spring", "microprofile"]),
        &Default("json"),
        "How the answer is written",
    )
    .only(&on(&[Answered])),
    key(
        "details",
        &WordOrObject(&(&["never", "allowed", "always"], CLIENTS)),
        &Default("allowed"),
        "Who sees more than the bare status. `allowed`: whom the rule's `allow` names. Or name \
         clients, as in `allow`",
    )
    .only(&on(&[Answered])),
    key("cache", &Object(CACHE), &Default("{}"), "How answers are kept")
        .only(&on(&[Cached, CachedCall])),
    key("limit", &Object(LIMIT), &Optional, "How often probes may come, on all workers together"),
    key(
        "breaker",
        &Object(BREAKER),
        &Optional,
        "When the application is left alone, on all workers together",
    )
    .only(&TO_THE_APPLICATION),
    key(
        "allow",
        &Object(ALLOW),
        &Optional,
        "Who may probe; without it everyone. `inspect` needs it",
    ),
    key(
        "via_http",
        &Text(Form::Path),
        &Optional,
        "For gRPC: the HTTP path that a Check is translated to",
    )
    .only(&on(&[ForwardedCall])),
];

/// What stands beside `grpc` in a `match`.
const BESIDE_GRPC: (&str, &str) = ("grpc", "can't stand beside \"grpc\"; write a probe of its own");
/// `path` and `path_prefix` together.
pub(super) const BESIDE_PATH: (&str, &str) =
    ("path", "can't stand beside \"path\"; keep one of them");

const METHODS: Items = filled(Text(Form::Method));
pub(super) const HEADERS: Items = filled(Object(HEADER));
const SERVICES: Items = filled(Text(Form::ServicePattern));

pub(super) const fn path() -> Key {
    key("path", &Text(Form::Path), &Optional, "The path, with case, without the query")
}

pub(super) const fn path_prefix() -> Key {
    key(
        "path_prefix",
        &Text(Form::PathPrefix),
        &Optional,
        "The path's first segments: `/status` takes `/status/db`, not `/statuses`",
    )
}

pub(super) const fn methods() -> Key {
    key("methods", &List(&METHODS), &Optional, "HTTP methods; without it all")
}

pub(super) const fn headers() -> Key {
    key("headers", &List(&HEADERS), &Optional, "Conditions on headers, all of which must hold")
}

/// `match`.
const MATCH: &[Key] = &[
    path().presence(&SomeOf).only(&Without(&[BESIDE_GRPC])),
    path_prefix().presence(&SomeOf).only(&Without(&[BESIDE_GRPC, BESIDE_PATH])),
    methods().only(&Without(&[BESIDE_GRPC])),
    headers().presence(&SomeOf).only(&Without(&[BESIDE_GRPC])),
    key("grpc", &Object(GRPC), &SomeOf, "A call of `grpc.health.v1.Health`"),
];

/// `match.grpc`.
const GRPC: &[Key] = &[
    key(
        "methods",
        &List(&filled(Word(&["Check", "List", "Watch"]))),
        &Default(r#"["Check", "List", "Watch"]"#),
        "Which calls",
    ),
    key(
        "services",
        &List(&SERVICES),
        &Default(r#"["*"]"#),
        "The services that calls ask for: a name (empty for the server as a whole), `orders.*` \
         for all names that begin so, `*`",
    ),
];

/// A condition on a header.
pub(in crate::config) const HEADER: &[Key] = &[
    key("name", &Text(Form::HeaderName), &Required(r#""name": "user-agent""#), "The header's name"),
    key("present", &Bool, &OneOf, "Whether it is there"),
    key("exact", &Text(Form::Open), &OneOf, "All of its value, byte for byte"),
    key("prefix", &Text(Form::Filled), &OneOf, "How its value begins"),
    key("suffix", &Text(Form::Filled), &OneOf, "How its value ends"),
    key("contains", &Text(Form::Filled), &OneOf, "What stands in its value"),
    key("not", &Bool, &Default("false"), "Turn the condition round"),
];

/// What answers may be told apart by in `cache.key`.
pub(in crate::config) const PARTS_OF_KEY: &[&str] = &["host", "path"];
/// What `cache.ignore_headers` may name.
pub(in crate::config) const HEADERS_OF_ANSWERS: &[&str] = &[CACHE_CONTROL, VARY];

/// `cache`.
const CACHE: &[Key] = &[
    key("ttl", &Text(Form::Positive), &Default("1s"), "How long an answer is fresh"),
    key(
        "stale_for",
        &Text(Form::Duration),
        &Default("30s"),
        "How long after that it may still be served, while one probe refreshes it or the \
         application can't be reached; `0s`: never",
    ),
    key(
        "max_body",
        &Text(Form::Size),
        &Default("64KiB"),
        "The longest body that is kept, up to `1MiB`",
    ),
    key(
        "key",
        &List(&filled(Word(PARTS_OF_KEY))),
        &Default(r#"["host", "path"]"#),
        "What tells answers apart, beside the cluster; `[\"path\"]`: one for all hosts",
    ),
    key(
        "ignore_headers",
        &List(&filled(Word(HEADERS_OF_ANSWERS))),
        &Optional,
        "Keep answers whatever these headers of theirs say",
    ),
];

/// `limit`.
const LIMIT: &[Key] = &[
    key(
        "rate",
        &Text(Form::Rate),
        &Required(r#""rate": "50/s""#),
        "How many probes in the long run: `50/s`, `10/m`",
    ),
    key(
        "burst",
        &Count(1, 1_000_000),
        &Optional,
        "How many at once; without it as many as the rate has",
    ),
    key(
        "on_limit",
        &Word(&["last_verdict", "reject"]),
        &Default("last_verdict"),
        "What the rest gets. `last_verdict`: the last known answer, and 429 only where none is \
         known. `reject`: 429, as always for gRPC",
    ),
];

/// `breaker`.
const BREAKER: &[Key] = &[
    key("failures", &Count(1, 1_000), &Default("3"), "How many failures in a row open it"),
    key(
        "open_for",
        &Text(Form::Positive),
        &Default("5s"),
        "How long it answers 503 without the application; then one trial probe decides",
    ),
];

/// `allow`.
const ALLOW: &[Key] = &[
    cidrs(),
    address(),
    principals(),
    key(
        "otherwise",
        &Word(&["not_a_probe", "deny"]),
        &Default("not_a_probe"),
        "What the others are. `not_a_probe`: ordinary traffic. `deny`: 403",
    ),
];
