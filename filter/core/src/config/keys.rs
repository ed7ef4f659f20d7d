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
pub(super) mod publish;
mod score;

use crate::reader::keys::{Form, Key, Kind, Presence, Scope, Variant, filled, key, list};
use Kind::{List, Object, OneOrMore, Text};
use Presence::{Default, Optional, Required};
use checks::{ADMIN, CHECK};
use counters::COUNTER;
use probes::PROBE;
use publish::PUBLISH;
use score::SCORE;

/// What probes are told apart by that keys take effect on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum ProbeKind {
    Forwarded,
    Cached,
    Answered,
    Inspected,
    ForwardedCall,
    CachedCall,
    AnsweredCall,
}

impl ProbeKind {
    /// Its bit among those of [`Scope::On`].
    pub(super) const fn bit(self) -> u8 {
        1 << self as u8
    }

    pub(super) const fn variant(self) -> Variant {
        let title = match self {
            Self::Forwarded => "a forwarded probe",
            Self::Cached => "a cached probe",
            Self::Answered => "a probe that the proxy answers",
            Self::Inspected => "a page of what the proxy knows",
            Self::ForwardedCall => "a gRPC probe",
            Self::CachedCall => "a cached call",
            Self::AnsweredCall => "a call that the proxy answers",
        };
        Variant { bit: self.bit(), title }
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
    key(
        "publish",
        &OneOrMore(&filled(Object(PUBLISH)).most(16)),
        &Optional,
        "A hub that is told how an instance is, at once when that changes and as a beat; or a \
         list of them",
    ),
];

/// `grpc_replies`.
const GRPC_REPLIES: &[Key] = &[key(
    "path",
    &Text(Form::Path),
    &Required(r#""path": "/.heartbeat/grpc""#),
    "The path whose route leads to the responder on this host",
)];
