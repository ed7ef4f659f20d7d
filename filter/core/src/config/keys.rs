//! The table of all keys: what each may hold, what it is without being written, on which
//! probes it takes effect.
//!
//! The readers beside it take defaults, words and ranges from here, and so do the errors
//! about unknown, missing and idle keys. The JSON schema is written from it, and the pages
//! of the documentation are held to it. What only those need is no part of the module.

pub(super) mod checks;
pub(super) mod counters;
pub(super) mod evidence;
pub(super) mod probes;
mod score;

use Kind::{List, Object, Text};
use Presence::{Default, Optional, Required};
use checks::{ADMIN, CHECK};
use counters::COUNTER;
use probes::PROBE;
use score::SCORE;

/// One key of an object. Equal columns are one in the module, as they are references.
pub(super) struct Key {
    /// How it is written.
    pub(super) name: &'static str,
    /// What it may hold.
    pub(super) kind: &'static Kind,
    /// Whether it must be there, and what holds where it isn't.
    pub(super) presence: &'static Presence,
    /// Beside what it takes effect.
    pub(super) scope: &'static Scope,
    /// What it is for, in one line.
    #[cfg(all(test, not(target_family = "wasm")))]
    pub(super) help: &'static str,
}

/// Words of which one may be chosen.
pub(super) type Words = &'static [&'static str];

/// What a key may hold.
#[cfg_attr(
    not(all(test, not(target_family = "wasm"))),
    expect(dead_code, reason = "the schema tells more than reading needs")
)]
pub(super) enum Kind {
    /// `true` or `false`.
    Bool,
    /// A whole number in a range.
    Count(u32, u32),
    /// A number in a range.
    Number(u32, u32),
    /// One of these words.
    Word(Words),
    /// A string that is written like this.
    Text(Form),
    /// A list.
    List(&'static Items),
    /// An object with these keys.
    Object(&'static [Key]),
    /// One of these words, or an object with these keys.
    WordOrObject(&'static (Words, &'static [Key])),
    /// An object whose keys are called as people like, each with such an object.
    Map(&'static [Key]),
}

/// What a list may hold.
pub(super) struct Items {
    /// What each item is.
    pub(super) of: Kind,
    /// How many items it must have.
    pub(super) least: usize,
    /// How many it may have.
    pub(super) most: usize,
    /// Whether no two may be the same.
    pub(super) distinct: bool,
}

/// How a string is written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Form {
    /// A SPIFFE id, whose last segment may be `*`.
    Principal,
    /// Addresses: `10.0.0.0/8`.
    Cidr,
    /// The name of a background check.
    CheckName,
    /// The name of an Envoy cluster.
    Cluster,
    /// A time: `250ms`, `3s`; `0s` too.
    Duration,
    /// A condition's value for a header: not empty.
    Filled,
    /// A status of gRPC, by its name.
    GrpcStatus,
    /// The name of a header.
    HeaderName,
    /// A host, as the header names it.
    Host,
    /// How often a check asks: a tenth of a second at least.
    Interval,
    /// A label's value.
    LabelValue,
    /// An HTTP method.
    Method,
    /// A metric's name.
    MetricName,
    /// Anything.
    Open,
    /// A path without a query.
    Path,
    /// A path that others may follow.
    PathPrefix,
    /// A time that isn't nothing.
    Positive,
    /// The name of a probe.
    ProbeName,
    /// So many in so much time: `50/s`.
    Rate,
    /// The name of a gRPC service; may be empty.
    Service,
    /// The name of a gRPC service, or of all that begin so.
    ServicePattern,
    /// A part of a whole: `20%`.
    Share,
    /// So many bytes: `64KiB`.
    Size,
    /// A status of HTTP, or a class of them: `2xx`.
    Status,
    /// A path to ask for, which may have a query.
    Target,
    /// A time that isn't nothing, or `none`.
    Timeout,
    /// How far to look back: a second to an hour.
    Window,
}

/// Whether a key must be there, and what holds where it isn't.
pub(super) enum Presence {
    /// It may be left out, and no value would say the same.
    Optional,
    /// It may be left out, and means this then: a string without its quotes, or JSON.
    Default(&'static str),
    /// It must be there; this is what an error says to add.
    Required(&'static str),
    /// One of the keys that are marked so must be there, and no two of them.
    OneOf,
    /// One of the keys that are marked so must be there.
    SomeOf,
}

/// Beside what a key takes effect.
pub(super) enum Scope {
    /// Whatever else there is.
    Always,
    /// On these kinds of probes: a bit for each, as [`ProbeKind::bit`] says.
    On(u8),
    /// Beside one of these keys.
    With(&'static [&'static str]),
    /// Not beside these keys; each with what an error says.
    Without(&'static [(&'static str, &'static str)]),
}

/// What probes are told apart by that keys take effect on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum ProbeKind {
    Forwarded,
    Cached,
    Answered,
    ForwardedCall,
    CachedCall,
    AnsweredCall,
}

impl ProbeKind {
    /// Its place among those of [`Scope::On`].
    pub(super) const fn bit(self) -> u8 {
        1 << self as u8
    }

    /// What errors call it.
    pub(super) const fn title(self) -> &'static str {
        match self {
            Self::Forwarded => "a forwarded probe",
            Self::Cached => "a cached probe",
            Self::Answered => "a probe that the proxy answers",
            Self::ForwardedCall => "a gRPC probe",
            Self::CachedCall => "a cached call",
            Self::AnsweredCall => "a call that the proxy answers",
        }
    }
}

/// A key: how it is written, what it holds, whether it must be there, what it is for.
#[cfg_attr(
    not(all(test, not(target_family = "wasm"))),
    expect(unused_variables, reason = "the module has no use for the help")
)]
const fn key(
    name: &'static str,
    kind: &'static Kind,
    presence: &'static Presence,
    help: &'static str,
) -> Key {
    Key {
        name,
        kind,
        presence,
        scope: &Scope::Always,
        #[cfg(all(test, not(target_family = "wasm")))]
        help,
    }
}

impl Key {
    const fn only(self, scope: &'static Scope) -> Self {
        Self { scope, ..self }
    }

    const fn presence(self, presence: &'static Presence) -> Self {
        Self { presence, ..self }
    }
}

/// Takes effect on these kinds of probes.
const fn on(kinds: &[ProbeKind]) -> Scope {
    let (mut bits, mut rest) = (0, kinds);
    while let [kind, behind @ ..] = rest {
        bits |= kind.bit();
        rest = behind;
    }
    Scope::On(bits)
}

/// A list that may be empty.
const fn list(of: Kind) -> Items {
    Items { of, least: 0, most: usize::MAX, distinct: false }
}

/// A list that has something in it.
const fn filled(of: Kind) -> Items {
    Items { least: 1, ..list(of) }
}

impl Items {
    const fn most(self, most: usize) -> Self {
        Self { most, ..self }
    }

    const fn distinct(self) -> Self {
        Self { distinct: true, ..self }
    }
}

/// The configuration as a whole.
pub(super) const ROOT: &[Key] = &[
    key(
        "probes",
        &List(&list(Object(PROBE))),
        &Default(super::DEFAULT_PROBES),
        "The rules that find probes among the requests, tried in this order; `[]` turns them off",
    ),
    key(
        "checks",
        &List(&list(Object(CHECK)).most(64)),
        &Default("[]"),
        "What the proxy asks by itself, through its clusters, whatever probes come",
    ),
    key("admin", &Object(ADMIN), &Optional, "Where Envoy's admin interface is"),
    key(
        "score",
        &Object(SCORE),
        &Optional,
        "Keep a health score from 0 to 1000; `{}` for the defaults",
    ),
    key(
        "grpc_replies",
        &Object(GRPC_REPLIES),
        &Optional,
        "Where the responder is that brings messages of gRPC on their way",
    ),
    key(
        "counters",
        &List(&list(Object(COUNTER))),
        &Default("[]"),
        "Metrics of your own, of ordinary requests and their answers",
    ),
];

/// `grpc_replies`.
const GRPC_REPLIES: &[Key] = &[key(
    "path",
    &Text(Form::Path),
    &Required(r#""path": "/.heartbeat/grpc""#),
    "The path whose route leads to the responder on this host",
)];
