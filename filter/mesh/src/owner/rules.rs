//! What an owner works by.

use crate::recovery::RecoveryRule;
use crate::source::{Manner, SourceRule};
use crate::table::{ServiceId, ServiceRule, SourceId};
use heartbeat_common::base::time::Nanos;
use std::collections::HashSet;

/// What an owner works by.
#[derive(Clone, Debug)]
pub struct OwnerRule {
    /// The sources.
    pub sources: Vec<SourceRule>,
    /// The services.
    pub services: Vec<ServiceRule>,
    /// How long what was dead has to prove itself.
    pub recovery: RecoveryRule,
    /// How many instances there may be in all.
    pub most_instances: usize,
    /// An assignment goes out at most once in this time.
    pub publish_every: Nanos,
    /// Whether anybody is to be told of verdicts.
    pub tells: bool,
    /// The names of the members, by service.
    members: Vec<HashSet<String>>,
}

impl OwnerRule {
    /// A rule of these sources and services, with room for so many instances.
    pub fn new(
        sources: Vec<SourceRule>,
        services: Vec<ServiceRule>,
        recovery: RecoveryRule,
        most_instances: usize,
        publish_every: Nanos,
    ) -> Self {
        let ids = |service: &ServiceRule| service.members.iter().map(|it| it.id.clone()).collect();
        let members = services.iter().map(ids).collect();
        let tells = false;
        Self { sources, services, recovery, most_instances, publish_every, tells, members }
    }

    /// A source by its name.
    pub fn source(&self, name: &str) -> Option<SourceId> {
        self.sources.iter().position(|source| source.name == name).map(SourceId)
    }

    /// Whether an instance is a member of a service.
    pub fn is_member(&self, service: ServiceId, id: &str) -> bool {
        self.members.get(service.0).is_some_and(|members| members.contains(id))
    }

    /// A service by its name.
    pub fn service(&self, name: &str) -> Option<ServiceId> {
        self.services.iter().position(|service| service.name == name).map(ServiceId)
    }
}

/// What a Watch or a hub that is followed is given to say its first word: it takes a round
/// trip, and a connection before it.
const FIRST_WORD: Nanos = 2_000_000_000;

/// How long an owner that knows nothing listens before it says anything.
#[derive(Clone, Copy, Debug, Default)]
pub struct WarmUp {
    /// In any case.
    pub least: Nanos,
    /// From the first word on: until then all others have spoken, too.
    pub beat: Nanos,
    /// Where nobody says anything: clients do better with what they have than with nothing.
    pub most: Nanos,
}

/// How often as long as it would listen an owner listens to sources that beat or are asked, and
/// are all silent.
const LONGEST_SILENCE: Nanos = 5;

/// How long an owner that knows nothing listens before it says anything: two of the longest
/// beats, so that every source that beats, is asked or streams has spoken.
pub fn warm_up(sources: &[SourceRule]) -> WarmUp {
    let longest = |of: fn(Manner) -> Option<Nanos>| {
        sources.iter().filter_map(|source| of(source.manner)).max().unwrap_or_default()
    };
    let beats = longest(|manner| match manner {
        Manner::Posts { beat, .. } => beat,
        Manner::IsAsked { interval, .. } => Some(interval),
        Manner::Streams | Manner::Follows => None,
    });
    let streams = longest(|manner| match manner {
        Manner::Streams | Manner::Follows => Some(FIRST_WORD),
        Manner::Posts { .. } | Manner::IsAsked { .. } => None,
    });
    let least = beats.saturating_mul(2).max(streams);
    WarmUp { least, beat: beats, most: least.max(beats.saturating_mul(2 * LONGEST_SILENCE)) }
}
