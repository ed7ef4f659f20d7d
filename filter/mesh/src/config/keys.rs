//! The table of all keys of the hub: what each may hold, and what it is without being
//! written.
//!
//! The readers beside it take defaults, words and ranges from here. The JSON schema is
//! written from it, and the pages of the documentation are held to it.

use heartbeat_common::clients::keys::CLIENTS;
use heartbeat_common::reader::keys::Kind::{
    Bool, Count, Headers, List, Metadata, Never, Number, Object, Text, Word,
};
use heartbeat_common::reader::keys::Presence::{Default, OneOf, Optional, Required};
use heartbeat_common::reader::keys::Scope::With;
use heartbeat_common::reader::keys::{Form, Items, Key, Presence, Scope, Words, filled, key};

/// As many as a record that workers hand over can tell apart, and more than one hub is for.
const MOST_SERVICES: usize = 1_000;
/// What each source says of each instance has a place, whether it speaks or not.
const MOST_SOURCES: usize = 1_000;
/// An assignment of more takes a client's Envoy longer than it may.
const MOST_OF_A_SERVICE: u32 = 10_000;

const SERVICES: Items = filled(Object(SERVICE)).most(MOST_SERVICES);
const MEMBERS: Items = filled(Object(MEMBER)).most(MOST_OF_A_SERVICE as usize);
const LEARNT: Items = filled(Object(LEARN)).most(64);
const SOURCES: Items = filled(Object(SOURCE)).most(MOST_SOURCES);
const ADDRESSES: Items = filled(Text(Form::Cidr));
const WEBHOOKS: Items = filled(Object(WEBHOOK)).most(16);
const TOLD_SERVICES: Items = filled(Text(Form::Filled)).distinct();
const TOLD_VERDICTS: Items = filled(Word(VERDICTS)).distinct();

/// The words of verdicts, and that of none.
pub(super) const VERDICTS: Words =
    &["unknown", "alive", "degraded", "suspected", "draining", "dead", "gone"];

/// The configuration as a whole.
pub(super) const ROOT: &[Key] = &[
    key(
        "services",
        &List(&SERVICES),
        &Required(
            r#""services": [ { "name": "payments", "members": [ { "id": "10.1.0.5:8080" } ] } ]"#,
        ),
        "The services whose instances are judged, 1000 at most",
    ),
    key(
        "sources",
        &List(&SOURCES),
        &Required(
            r#""sources": [ { "name": "istio", "allow": { "principals": ["spiffe://example.org/*"] }, "stale": "5s" } ]"#,
        ),
        "Who says how they are, 1000 at most",
    ),
    key("recover", &Object(RECOVER), &Default("{}"), "How long what was dead has to prove itself"),
    key(
        "readers",
        &Object(CLIENTS),
        &Optional,
        "Who may read verdicts and assignments; without it whoever connects from this machine",
    ),
    key(
        "hold",
        &Text(Form::Hold),
        &Default("25s"),
        "How long an Envoy that knows everything is kept waiting for news: `1s` to `60s`, and \
         shorter than its `request_timeout`",
    ),
    key(
        "publish_every",
        &Text(Form::Pace),
        &Default("5ms"),
        "A change goes out at once, and the next ones together after this: `1ms` to `1s`",
    ),
    key("limits", &Object(LIMITS), &Default("{}"), "How much the hub takes"),
    key("webhooks", &List(&WEBHOOKS), &Optional, "Who is called when verdicts change, 16 at most"),
    key("backend", &Never, &Optional, "Not there yet: everything is in memory"),
];

/// A service of `services`.
pub(super) const SERVICE: &[Key] = &[
    key(
        "name",
        &Text(Form::ServiceName),
        &Required(r#""name": "payments""#),
        "Its name in paths, metrics and assignments, where it is the cluster's `service_name`: 1 \
         to 128 letters, digits, `.`, `_` or `-`; unique",
    ),
    key("members", &List(&MEMBERS), &Presence::SomeOf, "The instances that it has for good"),
    key(
        "learn",
        &List(&LEARNT),
        &Presence::SomeOf,
        "Whom it learns of from events; of several that take an address the first counts",
    ),
    key(
        "forget",
        &Text(Form::Positive),
        &FORGET,
        "When every source of it has been stale for so long, nothing is known any more, and \
         traffic goes everywhere",
    ),
    key(
        "quorum",
        &Text(Form::Share),
        &Default("50%"),
        "An instance is dead when more than this share of the trust of all fresh sources says so",
    ),
    key(
        "witness",
        &Number(0, 1),
        &Default("0.3"),
        "From this trust on one source makes an instance suspected or draining",
    ),
    key(
        "on_witness",
        &Word(&["degraded", "ignore"]),
        &Default("degraded"),
        "What one source that says dead makes of an instance that the others call alive. \
         `degraded`: it is suspected, and takes traffic where the others can't carry it",
    ),
    key(
        "weigh_by_trust",
        &Bool,
        &Default("false"),
        "Whether an endpoint's share of the traffic follows how well its health is known",
    ),
];

const FORGET: Presence = Default("10m");

/// A member of `services[].members`.
pub(super) const MEMBER: &[Key] = &[
    key(
        "id",
        &Text(Form::InstanceId),
        &Required(r#""id": "10.1.0.5:8080""#),
        "What sources call it: 1 to 128 letters, digits, `.`, `_`, `:`, `/`, `@` or `-`; unique \
         in its service",
    ),
    key(
        "address",
        &Text(Form::SocketAddress),
        &Optional,
        "Where it listens: `10.1.0.5:8080`, `[fd00::5]:8080`; without it the `id` says that",
    ),
    key("locality", &Object(LOCALITY), &Optional, "Envoy's `core.v3.Locality`"),
    key(
        "priority",
        &Count(0, 128),
        &Default("0"),
        "Instances of a higher number take traffic where those of a lower one can't carry it",
    ),
    key("weight", &Count(1, 128), &Default("1"), "Its share among those of its locality"),
    metadata(),
];

/// `locality`.
const LOCALITY: &[Key] = &[
    key("region", &Text(Form::Open), &Optional, "The region"),
    key("zone", &Text(Form::Open), &Optional, "The zone in it"),
    key("sub_zone", &Text(Form::Open), &Optional, "The part of that"),
];

/// An entry of `services[].learn`.
pub(super) const LEARN: &[Key] = &[
    key(
        "addresses",
        &List(&ADDRESSES),
        &Required(
            r#""addresses": ["10.0.0.0/8"]: whoever posts must not choose where traffic goes"#,
        ),
        "Where such instances may be; those of this machine and of its link only where a range \
         lies within `127.0.0.0/8`, `::1`, `169.254.0.0/16` or `fe80::/10`",
    ),
    key(
        "forget",
        &Text(Form::Positive),
        &FORGET,
        "When nobody has named one for so long while others are named, it is removed; never the \
         last of a service",
    ),
    key(
        "max",
        &Count(1, MOST_OF_A_SERVICE),
        &Default("2000"),
        "How many there may be at once; others are refused",
    ),
    metadata(),
];

const fn metadata() -> Key {
    key(
        "metadata",
        &Metadata,
        &Optional,
        "Endpoint metadata, as it is: clusters choose TLS by \
         `{ \"envoy.transport_socket_match\": { … } }`",
    )
}

/// Of a source that is asked for one instance.
const ASKED: Scope = With(&["http", "grpc"]);

/// A source of `sources`.
pub(super) const SOURCE: &[Key] = &[
    key(
        "name",
        &Text(Form::SourceName),
        &Required(r#""name": "istio""#),
        "Its name in metrics and documents: 1 to 64 letters, digits, `_` or `-`; unique",
    ),
    key("allow", &Object(CLIENTS), &OneOf, "It posts events; whoever is named here speaks for it"),
    key("http", &Object(HTTP), &OneOf, "It is asked over HTTP"),
    key("grpc", &Object(GRPC), &OneOf, "It is asked by `grpc.health.v1.Health`"),
    key("hub", &Object(HUB), &OneOf, "It is another hub, which is asked for its verdicts"),
    key(
        "trust",
        &Number(0, 1),
        &Default("1"),
        "How far its word goes beside that of others, from 0.1 to 1; experience can only lower it",
    ),
    key(
        "service",
        &Text(Form::ServiceName),
        &Optional,
        "The service that it speaks of: required where it is asked; events need not name it then, nor where there is \
         but one service",
    )
    .only(&With(&["allow", "http", "grpc"])),
    key(
        "instance",
        &Text(Form::InstanceId),
        &Optional,
        "The instance that is asked: required where one is",
    )
    .only(&ASKED),
    key(
        "stale",
        &Text(Form::Positive),
        &Optional,
        "How long its word counts: three beats or intervals at least, which is what it is where \
         they are given. An open Watch, or another hub, keeps its word fresh",
    )
    .only(&With(&["allow", "http", "grpc"])),
    key(
        "beat",
        &Text(Form::Interval),
        &Optional,
        "How often it speaks of each instance, `100ms` or more",
    )
    .only(&With(&["allow"])),
    key(
        "silence",
        &Word(&["stale", "down"]),
        &Default("stale"),
        "What missed beats say. `stale`: nothing. `down`: that the instance is dead",
    )
    .only(&With(&["beat"])),
    key(
        "interval",
        &Text(Form::Interval),
        &Default("1s"),
        "How often it is asked; up to a tenth sooner",
    )
    .only(&ASKED),
    key(
        "timeout",
        &Text(Form::Positive),
        &Default("1s"),
        "How long its answer may take: the interval at most, which is the default where it is \
         shorter",
    )
    .only(&ASKED),
    key(
        "fall",
        &Count(1, 1_000),
        &Default("2"),
        "Failures in a row that say dead; before that they only suspect",
    )
    .only(&ASKED),
];

/// `http` of a source.
const HTTP: &[Key] = &[
    cluster("The Envoy cluster that is asked"),
    key(
        "path",
        &Text(Form::Target),
        &Required(r#""path": "/healthz/ready""#),
        "What it is asked for, with GET. 200 to 399 is alive, 429 asks for less, all else is dead",
    ),
    host(
        "host",
        "The request's host; without it the cluster's name, or `localhost` where that is no host name",
    ),
];

/// `grpc` of a source.
const GRPC: &[Key] = &[
    cluster("The Envoy cluster that is asked; it must speak HTTP/2"),
    key(
        "service",
        &Text(Form::Service),
        &Default(""),
        "The gRPC service whose health is asked for; empty for the whole server",
    ),
    host(
        "authority",
        "The call's `:authority`; without it the cluster's name, or `localhost` where that is no host name",
    ),
    key(
        "watch",
        &Bool,
        &Default("false"),
        "Hold a Watch open, beside the Checks: a change is known in milliseconds",
    ),
];

/// `hub` of a source.
const HUB: &[Key] = &[
    cluster("The Envoy cluster of the other hub"),
    host(
        "host",
        "The request's host; without it the cluster's name, or `localhost` where that is no host name",
    ),
    key(
        "wait",
        &Text(Form::Hold),
        &Default("25s"),
        "How long it may hold a question that nothing answers yet: `1s` to `60s`",
    ),
    key(
        "timeout",
        &Text(Form::Positive),
        &Default("2s"),
        "How long its answer may take beyond that",
    ),
];

const fn cluster(help: &'static str) -> Key {
    key(
        "cluster",
        &Text(Form::Cluster),
        &Required(r#""cluster": "payments_health", the name of an Envoy cluster"#),
        help,
    )
}

/// Without it the cluster's name, or `localhost` where that is no host name.
const fn host(name: &'static str, help: &'static str) -> Key {
    key(name, &Text(Form::Host), &Optional, help)
}

/// `recover`.
const RECOVER: &[Key] = &[
    key(
        "after",
        &Text(Form::Positive),
        &Default("1s"),
        "So long an instance that was dead is degraded before it is alive again; it doubles with \
         each death in ten minutes",
    ),
    key("at_most", &Text(Form::Positive), &Default("60s"), "It never takes longer"),
];

/// `limits`.
const LIMITS: &[Key] = &[
    key(
        "instances",
        &Count(1, 100_000),
        &Default("10000"),
        "How many instances all services may have together, learnt ones among them",
    ),
    key("batch", &Count(1, 10_000), &Default("500"), "How many events a request may bring"),
    key(
        "body",
        &Text(Form::Size),
        &Default("256KiB"),
        "How long a request's body may be, `1KiB` to `1MiB`",
    ),
    key("rate", &Text(Form::Rate), &Default("500/s"), "How many requests each source may send"),
    key(
        "waiters",
        &Count(1, 100_000),
        &Default("5000"),
        "How many requests may be held at once, on all workers together",
    ),
];

/// A webhook of `webhooks`.
pub(super) const WEBHOOK: &[Key] = &[
    key(
        "name",
        &Text(Form::SourceName),
        &Required(r#""name": "pager""#),
        "Its name in metrics and in the log: 1 to 64 letters, digits, `_` or `-`; unique",
    ),
    cluster("The Envoy cluster that is called"),
    key(
        "path",
        &Text(Form::Target),
        &Required(r#""path": "/hook""#),
        "What deliveries are posted to; `${NAME}` stands for a variable of the VM's environment",
    ),
    host(
        "host",
        "The request's host; without it the cluster's name, or `localhost` where that is no host name",
    ),
    key(
        "services",
        &List(&TOLD_SERVICES),
        &Default(r#"["*"]"#),
        "The services that it is told of; `*` is all",
    ),
    key(
        "verdicts",
        &List(&TOLD_VERDICTS),
        &Default(r#"["unknown", "alive", "degraded", "suspected", "draining", "dead", "gone"]"#),
        "The verdicts that it is told of, when they come to hold",
    ),
    key(
        "format",
        &Word(&["event", "slack", "pulsar"]),
        &Default("event"),
        "What is posted: `event` is all that is known, `slack` a message, `pulsar` messages for \
         a topic",
    ),
    key(
        "headers",
        &Headers,
        &Optional,
        "Headers of deliveries; `${NAME}` stands for a variable of the VM's environment",
    ),
    key(
        "sign_with",
        &Text(Form::Variable),
        &Optional,
        "The name of the variable of the VM's environment that holds the key that deliveries \
         are signed with",
    ),
    key("timeout", &Text(Form::Positive), &Default("2s"), "How long an answer may take"),
    key(
        "retries",
        &Count(0, 1_000),
        &Default("10"),
        "How often a delivery that has failed is tried again before it is given up",
    ),
    key(
        "backoff",
        &Text(Form::Positive),
        &Default("500ms"),
        "How long after the first failure, or up to half of it sooner; it doubles with each one, \
         to a minute",
    ),
    key(
        "queue",
        &Count(1, 5_000),
        &Default("1000"),
        "How many changes may wait; beyond that the oldest are dropped",
    ),
];
