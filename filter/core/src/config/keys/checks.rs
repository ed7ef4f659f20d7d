//! `checks` and `admin`: what the proxy asks on its own account.

use crate::reader::keys::Kind::{Bool, Count, List, Object, Text, Word};
use crate::reader::keys::Presence::{Default, OneOf, Optional, Required};
use crate::reader::keys::{Form, Key, Presence, filled, key};

/// A check of `checks`.
pub(in crate::config) const CHECK: &[Key] = &[
    key(
        "name",
        &Text(Form::CheckName),
        &Required(r#""name": "db""#),
        "Its name in `when`, metrics and logs: 1 to 64 letters, digits, `_` or `-`; unique",
    ),
    key("http", &Object(HTTP_CHECK), &OneOf, "What is asked, over HTTP"),
    key("grpc", &Object(GRPC_CHECK), &OneOf, "What is asked, by `grpc.health.v1.Health`"),
    interval(
        &Default("5s"),
        "How often it is asked; up to a tenth sooner, so that proxies don't come in step",
    ),
    timeout(),
    key(
        "rise",
        &Count(1, 1_000),
        &Default("2"),
        "Good answers in a row that bring it up again; what never was up is up with the first",
    ),
    key(
        "fall",
        &Count(1, 1_000),
        &Default("3"),
        "Bad answers in a row that bring it down; the very first answer decides at once",
    ),
    key(
        "initial",
        &Word(&["unknown", "pass"]),
        &Default("unknown"),
        "What it is before the first answer: `unknown` isn't ready, `pass` is",
    ),
];

/// `http` of a check.
const HTTP_CHECK: &[Key] = &[
    cluster("The Envoy cluster that is asked; its own settings hold, such as TLS and HTTP/2"),
    key(
        "path",
        &Text(Form::Target),
        &Required(r#""path": "/ping""#),
        "What it is asked for, with GET; may have a query",
    ),
    host(),
    key(
        "expect",
        &List(&filled(Text(Form::Status))),
        &Default(r#"["2xx"]"#),
        "The statuses that are good",
    ),
];

/// `grpc` of a check.
const GRPC_CHECK: &[Key] = &[
    cluster("The Envoy cluster that is asked with a unary Check; it must speak HTTP/2"),
    key(
        "service",
        &Text(Form::Service),
        &Default(""),
        "The service whose health is asked for; empty for the whole server",
    ),
    key(
        "authority",
        &Text(Form::Host),
        &Optional,
        "The call's `:authority`; without it the cluster's name, or `localhost` where that is \
         no host name",
    ),
    key(
        "watch",
        &Bool,
        &Default("false"),
        "Hold a Watch open too, so that a change is known in milliseconds",
    ),
];

/// `admin`.
pub(super) const ADMIN: &[Key] = &[
    cluster("An Envoy cluster that leads to the admin interface"),
    interval(&Default("1s"), "How often it is asked; a drain is known so soon"),
    timeout(),
];

/// `host` of whatever is sent over HTTP.
pub(super) const fn host() -> Key {
    key(
        "host",
        &Text(Form::Host),
        &Optional,
        "The request's host; without it the cluster's name, or `localhost` where that is no \
         host name",
    )
}

const fn cluster(help: &'static str) -> Key {
    key(
        "cluster",
        &Text(Form::Cluster),
        &Required(r#""cluster": "db", the name of an Envoy cluster"#),
        help,
    )
}

const fn interval(default: &'static Presence, help: &'static str) -> Key {
    key("interval", &Text(Form::Interval), default, help)
}

const fn timeout() -> Key {
    key(
        "timeout",
        &Text(Form::Positive),
        &Default("1s"),
        "How long the answer may take: the interval at most, which is the default where it is \
         shorter",
    )
}
