//! What all sources say of all instances, and what follows from it.
//!
//! One VM has it. It is told what comes in, and how time goes by; both may change
//! verdicts, and nothing else does.

use crate::assignment::Assigned;
use crate::event::{Place, Report};
use crate::fusion::{Thousandths, Verdict, WHOLE};
use crate::recovery::RecoveryRule;
use crate::snapshot::{self, Entry, Head, Snapshot, View};
use crate::source::SourceRule;
use crate::trust::Trust;
use heartbeat_common::base::time::{Instant, Nanos};
use instance::{Instance, SourceVote};
use last_report::Freshness;
use others::Others;
use service::Service;

pub use rule::{LearnRule, Member, ServiceRule, canonical, is_destination};

mod instance;
mod last_report;
mod others;
mod rule;
mod service;
mod time;

/// A source is heard while its last word is no older than so many beats.
const BEATS: u64 = 2;

/// A source by its place in the configuration.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct SourceId(pub usize);

/// Nobody's to say, where it isn't known who has said something.
const NOBODY: SourceId = SourceId(usize::MAX);

/// A service by its place in the configuration.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ServiceId(pub usize);

/// What became of a report.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Taken {
    /// It counts.
    Counted,
    /// The source has said this, or something newer, of the instance already.
    Old,
    /// There is no such instance, and none is learnt: none may be there, or another is.
    Unknown,
    /// There is no room for another instance.
    Full,
}

#[derive(Debug)]
struct Source {
    rule: SourceRule,
    trust: Trust,
    /// When it last said anything.
    last_report: Instant,
    /// How many instances it has said something of, when that was last counted.
    instances: usize,
    /// It can't be heard: what it has said counts no more.
    is_lost: bool,
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
    /// How many instances there may be in all.
    most: usize,
    /// Of which instances something is another than when that was last asked.
    changes: Vec<(ServiceId, String)>,
    /// Before this nobody falls silent, unless by a word that is taken back.
    silences_at: Instant,
    /// On some instance time alone may change the verdict.
    is_open: bool,
    /// Room for the votes on an instance, so that an event allocates nothing.
    votes: Vec<SourceVote>,
}

impl Table {
    /// A table in which nobody has said anything, with room for so many instances.
    pub fn new(
        sources: Vec<SourceRule>,
        services: Vec<ServiceRule>,
        recovery: RecoveryRule,
        most: usize,
        now: Instant,
    ) -> Self {
        let count = sources.len();
        let sources = sources.into_iter().map(|rule| Source {
            trust: Trust::new(rule.trust),
            rule,
            last_report: Instant::ZERO,
            instances: 0,
            is_lost: false,
        });
        let services = services.into_iter().map(|rule| Service::new(rule, now));
        Self {
            sources: sources.collect(),
            services: services.collect(),
            recovery,
            most,
            changes: Vec::new(),
            silences_at: Instant::ZERO,
            is_open: true,
            votes: Vec::with_capacity(count),
        }
    }

    /// A source says something of an instance, and where it is if that is to be learnt.
    pub fn take(
        &mut self,
        source: SourceId,
        service: ServiceId,
        id: &str,
        report: &Report,
        place: Option<&Place<'_>>,
        now: Instant,
    ) -> Taken {
        let is_full = place.is_some() && self.instances() >= self.most;
        let number = service;
        let (Some(service), Some(speaker)) =
            (self.services.get_mut(service.0), self.sources.get_mut(source.0))
        else {
            return Taken::Unknown;
        };
        if is_full && service.place(id).is_none() {
            return Taken::Full;
        }
        let (place, mut changed) = match service.place_or_learn(id, place, source, now) {
            Ok(found) => found,
            Err(refused) => return refused,
        };
        let Some(instance) = service.instances.get_mut(place) else { return Taken::Unknown };
        speaker.last_report = now;
        let Some(before) = instance.take(source, &speaker.rule, report, now) else {
            if changed {
                self.changes.push((number, id.to_owned()));
            }
            return Taken::Old;
        };
        speaker.instances += usize::from(before.is_none());
        service.last_report = now;
        let silent_at = if speaker.is_lost { Instant::ZERO } else { instance.fresh_until() };
        self.silences_at = self.silences_at.min(silent_at);

        if instance.is_settled() {
            // It is what nearly every event comes to, and what the long way would come to.
            others::note_unanimous(&mut speaker.trust, instance.fresh());
            if changed {
                self.changes.push((number, id.to_owned()));
            }
            return Taken::Counted;
        }
        instance.vote(&self.sources, &mut self.votes, now);
        let rule = &service.rule.fusion;
        changed |= instance.conclude(&self.votes, rule, &self.recovery, now);
        self.is_open |= !instance.is_settled();
        if changed {
            self.changes.push((number, id.to_owned()));
        }
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

    /// What a source has said of an instance holds no more, and it says nothing else of it.
    pub fn withdraw(&mut self, source: SourceId, service: ServiceId, id: &str) {
        let Some(service) = self.services.get_mut(service.0) else { return };
        let place = service.place(id);
        let instance = place.and_then(|place| service.instances.get_mut(place));
        instance.into_iter().for_each(|instance| instance.withdraw(source));
        self.silences_at = Instant::ZERO;
    }

    /// Nothing that a source has said holds any more; what it says follows.
    pub fn start_over(&mut self, source: SourceId) {
        let instances = self.services.iter_mut().flat_map(|service| &mut service.instances);
        instances.for_each(|instance| instance.withdraw(source));
        self.silences_at = Instant::ZERO;
    }

    /// How many instances there are in all.
    pub fn instances(&self) -> usize {
        self.services.iter().map(|service| service.instances.len()).sum()
    }

    /// Of which instances something is another than when this was last asked: the verdict,
    /// where they are, or whether there are any such.
    pub fn take_changes(&mut self) -> Vec<(ServiceId, String)> {
        std::mem::take(&mut self.changes)
    }

    /// Whether any source has said anything.
    pub fn has_words(&self) -> bool {
        self.sources.iter().any(|source| source.last_report > Instant::ZERO)
    }

    /// Whether there are any such.
    pub fn has_changes(&self) -> bool {
        !self.changes.is_empty()
    }

    /// How many instances a service has.
    pub fn instances_of(&self, service: ServiceId) -> usize {
        self.services.get(service.0).map_or(0, |service| service.instances.len())
    }

    /// Of how many instances a source has a word that counts.
    pub fn fresh(&self, source: SourceId) -> usize {
        let instances = self.services.iter().flat_map(|service| &service.instances);
        let said = instances.flat_map(|instance| instance.said());
        said.filter(|(id, said)| *id == source && said.freshness == Freshness::Fresh).count()
    }

    /// The endpoints of a service, and what to make of each.
    pub fn endpoints(
        &self,
        service: ServiceId,
        now: Instant,
    ) -> impl Iterator<Item = Assigned<'_>> {
        self.services.get(service.0).into_iter().flat_map(move |service| {
            let weighed = service.rule.weigh_by_trust;
            service.instances.iter().map(move |instance| Assigned {
                endpoint: &instance.endpoint,
                verdict: instance.verdict,
                shares: if weighed { self.shares(instance, now) } else { 1 },
            })
        })
    }

    /// How many quarters of its weight an instance has, by how well its health is known: in
    /// steps, because each makes another assignment.
    fn shares(&self, instance: &Instance, now: Instant) -> u32 {
        let confidence = u32::from(instance.view(&self.sources, now).confidence);
        (confidence * 4).div_ceil(u32::from(WHOLE)).max(1)
    }

    /// The verdicts on the instances of a service.
    pub fn verdicts(&self, service: ServiceId) -> impl Iterator<Item = Verdict> {
        let instances = self.services.get(service.0).into_iter().flat_map(|it| &it.instances);
        instances.map(|instance| instance.verdict)
    }

    /// What is known of a service, to be handed to others. `wall_ahead` is how far wall time is
    /// ahead of the monotonic clock.
    pub fn snapshot(&self, service: ServiceId, wall_ahead: u64, now: Instant) -> Option<Vec<u8>> {
        let service = self.services.get(service.0)?;
        let sources =
            self.sources.iter().map(|it| (&*it.rule.name, it.trust.thousandths(now))).collect();
        let head = Head {
            service: &service.rule.name,
            at: now,
            wall_ahead,
            members: service.members,
            sources,
        };
        let entries = service.instances.iter().map(|it| it.entry(&self.sources, now));
        Some(snapshot::write(&head, entries))
    }

    /// Goes on from what an owner before this one has handed over of a service.
    pub fn restore(&mut self, snapshot: &Snapshot<'_>, now: Instant) {
        (self.silences_at, self.is_open) = (Instant::ZERO, true);
        let known = |name: &str| self.sources.iter().position(|it| it.rule.name == name);
        let sources: Vec<_> = snapshot.head.sources.iter().map(|(name, _)| known(name)).collect();
        for (source, (_, trust)) in sources.iter().zip(&snapshot.head.sources) {
            let source = source.and_then(|place| self.sources.get_mut(place));
            source.into_iter().for_each(|source| source.trust.restore(*trust));
        }
        let named = |it: &&mut Service| it.rule.name == snapshot.head.service;
        let Some(service) = self.services.iter_mut().find(named) else { return };
        service.members = snapshot.head.members + 1;
        let gap = now.since(snapshot.head.at);
        for entry in snapshot.entries() {
            let place = entry.is_learnt.then(|| entry.location.as_place());
            let Ok((place, _)) = service.place_or_learn(entry.view.id, place.as_ref(), NOBODY, now)
            else {
                continue;
            };
            let Some(instance) = service.instances.get_mut(place) else { continue };
            instance.restore(&entry);
            for said in &entry.said {
                let source = sources.get(said.source).copied().flatten();
                let source = source.and_then(|place| Some((place, self.sources.get_mut(place)?)));
                let Some((place, source)) = source else { continue };
                instance.restore_said(SourceId(place), &source.rule, said, gap);
                source.last_report = source.last_report.max(said.at + gap);
                service.last_report = service.last_report.max(said.at);
            }
        }
    }

    /// All that is known of an instance.
    pub fn entry(&self, service: ServiceId, id: &str, now: Instant) -> Option<Entry<'_>> {
        let service = self.services.get(service.0)?;
        Some(service.instances.get(service.place(id)?)?.entry(&self.sources, now))
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

    /// How far a source is trusted.
    pub fn trust(&self, source: SourceId, now: Instant) -> Thousandths {
        self.sources.get(source.0).map_or(0, |source| source.trust.thousandths(now))
    }
}

#[cfg(test)]
mod tests;
