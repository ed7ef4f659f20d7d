//! What all sources say of all instances, and what follows from it.
//!
//! One VM has it. It is told what comes in, and how time goes by; both may change
//! verdicts, and nothing else does.

use crate::assignment::Endpoint;
use crate::fusion::{Claim, FusionRule, Thousandths, Verdict, fuse};
use crate::recovery::RecoveryRule;
use crate::source::{Silence, SourceRule};
use crate::trust::{Agreement, Corroboration, Trust};
use heartbeat_common::base::time::{Instant, Nanos};
use heartbeat_common::clients::cidr::Cidr;
use instance::SourceVote;
use last_report::Freshness;
use serde_json::{Map, Value};
use service::Service;

pub use last_report::Report;

mod instance;
mod last_report;
mod service;

/// Of so many instances a part that falls silent together is their source's doing.
const MANY: usize = 10;
/// That part, in thousandths: more than this.
const TOGETHER: usize = 300;
/// A source is heard while its last word is no older than so many beats.
const BEATS: u64 = 2;

/// A source by its place in the configuration.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct SourceId(pub usize);

/// A service by its place in the configuration.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ServiceId(pub usize);

/// A service as it is configured.
#[derive(Clone, Debug, PartialEq)]
pub struct ServiceRule {
    /// Its name.
    pub name: String,
    /// The instances that it has for good.
    pub members: Vec<Member>,
    /// Whom it learns of from events.
    pub learn: Vec<LearnRule>,
    /// After what time without a word of anybody nothing is known any more.
    pub forget: Nanos,
    /// How it judges.
    pub fusion: FusionRule,
}

/// An instance that a service has for good.
#[derive(Clone, Debug, PartialEq)]
pub struct Member {
    /// What sources call it.
    pub id: String,
    /// Where it is.
    pub endpoint: Endpoint,
}

/// Instances that a service learns of from events.
#[derive(Clone, Debug, PartialEq)]
pub struct LearnRule {
    /// Their addresses. Whoever posts must not choose where traffic goes.
    pub addresses: Vec<Cidr>,
    /// After what time in which nobody has named it such an instance is removed.
    pub forget: Nanos,
    /// How many there may be at once.
    pub most: usize,
    /// `core.v3.Metadata.filter_metadata` of each.
    pub metadata: Map<String, Value>,
}

/// What became of a report.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Taken {
    /// It counts.
    Counted,
    /// The source has said this, or something newer, of the instance already.
    Old,
    /// There is no such instance, and none is learnt.
    Unknown,
    /// There is no room for another instance.
    Full,
}

/// What is known of an instance.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct View<'a> {
    /// Its name.
    pub id: &'a str,
    /// The verdict of all.
    pub verdict: Verdict,
    /// Since when.
    pub since: Instant,
    /// The mean of the sources' 95th percentiles of latency by trust, in milliseconds.
    pub latency_ms: Option<f32>,
    /// The share of failed requests by trust, smoothed.
    pub error_rate: Option<f32>,
    /// How much of the trust that the operator gave has a fresh word.
    pub confidence: Thousandths,
}

/// What one source last said of an instance.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct SourceView<'a> {
    /// The source.
    pub source: &'a str,
    /// Whether it says that the instance works.
    pub is_alive: bool,
    /// How long ago that was, in nanoseconds.
    pub age: Nanos,
    /// How far the source is trusted.
    pub trust: Thousandths,
}

#[derive(Debug)]
struct Source {
    rule: SourceRule,
    trust: Trust,
    /// When it last said anything.
    last_report: Instant,
    /// How many instances it has said something of, when that was last counted.
    instances: usize,
}

impl Source {
    /// Whether its silence about an instance tells of the instance. That of one which
    /// speaks of others is worth something only while it does.
    fn is_speaking(&self, now: Instant) -> bool {
        let beats = self.rule.beat().map(|beat| beat.saturating_mul(BEATS));
        self.instances < 2 || beats.is_none_or(|beats| now.since(self.last_report) <= beats)
    }
}

/// What all sources say of all instances.
#[derive(Debug)]
pub struct Table {
    sources: Vec<Source>,
    services: Vec<Service>,
    recovery: RecoveryRule,
    /// Room for the votes on an instance, so that an event allocates nothing.
    votes: Vec<SourceVote>,
}

impl Table {
    /// A table in which nobody has said anything.
    pub fn new(
        sources: Vec<SourceRule>,
        services: Vec<ServiceRule>,
        recovery: RecoveryRule,
        now: Instant,
    ) -> Self {
        let count = sources.len();
        let sources = sources.into_iter().map(|rule| Source {
            trust: Trust::new(rule.trust),
            rule,
            last_report: Instant::ZERO,
            instances: 0,
        });
        let services = services.into_iter().map(|rule| Service::new(rule, count, now));
        Self {
            sources: sources.collect(),
            services: services.collect(),
            recovery,
            votes: Vec::with_capacity(count),
        }
    }

    /// A source says something of an instance.
    pub fn take(
        &mut self,
        source: SourceId,
        service: ServiceId,
        id: &str,
        report: &Report,
        now: Instant,
    ) -> Taken {
        let (Some(service), Some(speaker)) =
            (self.services.get_mut(service.0), self.sources.get_mut(source.0))
        else {
            return Taken::Unknown;
        };
        let place = match service.place_or_learn(id, now) {
            Ok(place) => place,
            Err(refused) => return refused,
        };
        let Some(instance) = service.instances.get_mut(place) else { return Taken::Unknown };
        speaker.last_report = now;
        let Some(before) = instance.take(source, &speaker.rule, report, now) else {
            return Taken::Old;
        };
        speaker.instances += usize::from(before.is_none());
        service.last_report = now;

        instance.vote(&self.sources, &mut self.votes, now);
        let rule = &service.rule.fusion;
        service.changed |= instance.conclude(&self.votes, rule, &self.recovery, now);
        // The vote comes first: what follows from it for the source counts from the next.
        let verdict = instance.verdict;
        if let Some(speaker) = self.sources.get_mut(source.0) {
            let others = Others { votes: &self.votes, of: source, since: before };
            others
                .corroboration(rule)
                .into_iter()
                .for_each(|it| speaker.trust.note_corroboration(it));
            speaker.trust.note_agreement(others.agreement(verdict));
        }
        Taken::Counted
    }

    /// The hub has asked a source, and a whole answer took so long.
    pub fn note_round_trip(&mut self, source: SourceId, took: Nanos, now: Instant) {
        if let Some(source) = self.sources.get_mut(source.0) {
            source.trust.note_round_trip(took, now);
        }
    }

    /// Time goes by: words grow old, beats are missed, what was dead has proved itself.
    pub fn on_time(&mut self, now: Instant) {
        let silenced = self.note_silences(now);
        let (sources, recovery, votes) = (&self.sources, &self.recovery, &mut self.votes);
        for service in &mut self.services {
            let (mut changed, mut any_fresh) = (false, false);
            for instance in &mut service.instances {
                let fresh = instance.said().any(|(_, said)| said.freshness == Freshness::Fresh);
                any_fresh |= fresh;
                let taken_back = silenced && instance.said().any(|(_, said)| said.discounted);
                changed |= taken_back && instance.take_back_silence(now);
                instance.vote(sources, votes, now);
                changed |= instance.conclude(votes, &service.rule.fusion, recovery, now);
            }
            if any_fresh {
                service.last_report = now;
                service.remove_forgotten(now);
            } else if now.since(service.last_report) > service.rule.forget {
                service.instances.iter_mut().for_each(|instance| changed |= instance.forget(now));
            }
            service.changed |= changed;
        }
    }

    /// Looks who has fallen silent, and whether that is the instances' doing or their
    /// source's; says whether it is a source's.
    fn note_silences(&mut self, now: Instant) -> bool {
        let mut any = false;
        let mut tallies = vec![(0_usize, 0_usize); self.sources.len()];
        self.sources.iter_mut().for_each(|source| source.instances = 0);
        for instance in self.services.iter_mut().flat_map(|service| &mut service.instances) {
            for (id, said) in instance.said_mut() {
                let (Some(source), Some(tally)) =
                    (self.sources.get_mut(id.0), tallies.get_mut(id.0))
                else {
                    continue;
                };
                source.instances += 1;
                said.look(&source.rule, now);
                let lately = source.rule.fresh_for().is_some_and(|it| said.is_silent_for(it, now));
                tally.0 += usize::from(said.freshness == Freshness::Fresh || lately);
                tally.1 += usize::from(lately);
            }
        }
        for (place, (spoken_of, silent)) in tallies.into_iter().enumerate() {
            let all = spoken_of >= 2 && silent == spoken_of;
            let many = spoken_of >= MANY && silent * 1_000 > spoken_of * TOGETHER;
            let counts = self.sources.get(place).is_some_and(|it| it.rule.silence == Silence::Down);
            if counts && (all || many) {
                any = true;
                for instance in self.services.iter_mut().flat_map(|it| &mut it.instances) {
                    let said = instance.said_mut().filter(|(id, _)| id.0 == place);
                    said.for_each(|(_, said)| said.discount());
                }
            }
        }
        any
    }

    /// The services of which something is another than when this was last asked.
    pub fn take_changed(&mut self) -> impl Iterator<Item = ServiceId> {
        let services = self.services.iter_mut().enumerate();
        services.filter_map(|(place, service)| {
            std::mem::take(&mut service.changed).then_some(ServiceId(place))
        })
    }

    /// What is known of an instance.
    pub fn view(&self, service: ServiceId, id: &str, now: Instant) -> Option<View<'_>> {
        let service = self.services.get(service.0)?;
        let instance = service.instances.get(service.place(id)?)?;
        Some(instance.view(&self.sources, now))
    }

    /// What is known of all instances of a service.
    pub fn views(&self, service: ServiceId, now: Instant) -> impl Iterator<Item = View<'_>> {
        let instances = self.services.get(service.0).into_iter().flat_map(|it| &it.instances);
        instances.map(move |instance| instance.view(&self.sources, now))
    }

    /// What each source last said of an instance.
    pub fn source_views(&self, service: ServiceId, id: &str, now: Instant) -> Vec<SourceView<'_>> {
        let service = self.services.get(service.0);
        let instance = service.and_then(|service| service.instances.get(service.place(id)?));
        let said = instance.into_iter().flat_map(|instance| instance.said());
        let views = said.filter_map(|(id, said)| {
            let source = self.sources.get(id.0)?;
            Some(SourceView {
                source: &source.rule.name,
                is_alive: said.claim < Claim::Draining,
                age: now.since(said.at),
                trust: source.trust.thousandths(now),
            })
        });
        views.collect()
    }

    /// How far a source is trusted.
    pub fn trust(&self, source: SourceId, now: Instant) -> Thousandths {
        self.sources.get(source.0).map_or(0, |source| source.trust.thousandths(now))
    }
}

/// What the other sources say of an instance that one has just spoken of.
struct Others<'a> {
    votes: &'a [SourceVote],
    of: SourceId,
    /// When that one spoke before; `None` where it never has.
    since: Option<Instant>,
}

impl Others<'_> {
    fn votes(&self) -> impl Iterator<Item = &SourceVote> + Clone {
        self.votes.iter().filter(|cast| cast.source != self.of)
    }

    fn claim(&self) -> Option<Claim> {
        self.votes.iter().find(|cast| cast.source == self.of).map(|cast| cast.vote.claim)
    }

    /// What becomes of the word among theirs.
    fn corroboration(&self, rule: &FusionRule) -> Option<Corroboration> {
        let claim = self.claim()?;
        let Some(theirs) = fuse(self.votes().map(|cast| cast.vote), rule) else {
            // A failure is no answer.
            return (claim < Claim::Suspect).then_some(Corroboration::Unopposed);
        };
        let dead = claim == Claim::Dead;
        let seconded = self.votes().any(|cast| cast.vote.claim == Claim::Dead) == dead;
        // Old words contradict nobody: they were said before there was anything to see.
        let spoken_since = |cast: &SourceVote| self.since.is_none_or(|since| cast.at >= since);
        let contradicted = dead
            && theirs <= Verdict::Degraded
            && self.votes().count() >= 2
            && self.votes().any(spoken_since);
        match () {
            () if contradicted => Some(Corroboration::Contradicted),
            () if seconded && (dead || claim < Claim::Suspect) => Some(Corroboration::Corroborated),
            () => Some(Corroboration::Mixed),
        }
    }

    /// How the word compares to theirs, and to the verdict of all.
    fn agreement(&self, verdict: Verdict) -> Agreement {
        let Some(claim) = self.claim().filter(|_| self.votes().count() >= 2) else {
            return Agreement::Open;
        };
        let dead = claim == Claim::Dead;
        let accusers = self.votes().filter(|cast| cast.vote.claim == Claim::Dead).count();
        match () {
            () if (verdict == Verdict::Dead) == dead => Agreement::Agrees,
            () if accusers == 0 || accusers == self.votes().count() => Agreement::Disagrees,
            () => Agreement::Open,
        }
    }
}

#[cfg(test)]
mod tests;
