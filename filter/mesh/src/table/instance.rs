//! One instance: what the sources say of it, and the verdict.

use super::last_report::{Freshness, LastReport};
use super::rule::canonical;
use super::{Source, SourceId};
use crate::assignment::Endpoint;
use crate::event::Place;
use crate::event::Report;
use crate::fusion::{Claim, FusionRule, Thousandths, Verdict, Vote, WHOLE, fuse};
use crate::recovery::{Deaths, RecoveryRule};
use crate::snapshot::{Entry, Location, Said, View};
use crate::source::{Manner, SourceRule};
use heartbeat_common::base::time::{Instant, Nanos};
use std::borrow::Cow;

/// The vote of a source, and when it spoke.
#[derive(Clone, Copy, Debug)]
pub struct SourceVote {
    pub source: SourceId,
    pub vote: Vote,
    pub at: Instant,
    /// It is by its silence that it speaks.
    pub by_silence: bool,
    /// It is another hub's.
    pub is_hubs: bool,
}

/// A mean of what sources have measured, by how far they are trusted.
#[derive(Default)]
struct Mean {
    sum: f32,
    trust: f32,
}

impl Mean {
    fn add(&mut self, value: Option<f32>, trust: Thousandths) {
        let Some(value) = value else { return };
        self.sum += f32::from(trust) * value;
        self.trust += f32::from(trust);
    }

    fn value(&self) -> Option<f32> {
        (self.trust > 0.0).then(|| self.sum / self.trust)
    }
}

#[derive(Debug)]
pub struct Instance {
    pub id: String,
    /// Where it is.
    pub endpoint: Endpoint,
    /// The rule that it was learnt by; `None` for a member.
    pub learnt: Option<usize>,
    /// The source that has said where it is.
    placed_by: Option<SourceId>,
    /// Of those sources that have said anything, in their order: few of all, where each
    /// instance is asked by sources of its own.
    said: Vec<(SourceId, LastReport)>,
    pub verdict: Verdict,
    /// What this hub's own sources say, without other hubs.
    own: Option<Verdict>,
    since: Instant,
    /// The verdict before a silence had a part in it.
    before_silence: Verdict,
    /// A silence about it has turned out to be its source's.
    is_wronged: bool,
    /// Its verdict is what all who have something to say say, that it is well; so it is,
    /// however far each is trusted, until one of them says something else or nothing more.
    settled: bool,
    deaths: Deaths,
    /// When anybody last spoke of it.
    pub named: Instant,
}

impl Instance {
    pub fn new(
        id: String,
        endpoint: Endpoint,
        learnt: Option<(usize, SourceId)>,
        now: Instant,
    ) -> Self {
        Self {
            id,
            endpoint,
            learnt: learnt.map(|(rule, _)| rule),
            placed_by: learnt.map(|(_, source)| source),
            said: Vec::new(),
            verdict: Verdict::Unknown,
            own: None,
            since: now,
            before_silence: Verdict::Unknown,
            is_wronged: false,
            settled: false,
            deaths: Deaths::default(),
            named: now,
        }
    }

    /// What each source has said, by its place.
    pub fn said(&self) -> impl Iterator<Item = (SourceId, &LastReport)> {
        self.said.iter().map(|(source, said)| (*source, said))
    }

    /// The same, to be changed.
    fn said_mut(&mut self) -> impl Iterator<Item = (SourceId, &mut LastReport)> {
        self.said.iter_mut().map(|(source, said)| (*source, said))
    }

    /// Takes a report; says when its source spoke before, which is never for the first
    /// one. `None` where the report is old: one that is no newer than the last is taken
    /// only when that is stale, as from a sender whose clock was set back.
    pub fn take(
        &mut self,
        source: SourceId,
        rule: &SourceRule,
        report: &Report,
        now: Instant,
    ) -> Option<Option<Instant>> {
        self.named = now;
        let place = self.said.iter().position(|(known, _)| *known == source);
        let known = place.and_then(|place| self.said.get_mut(place));
        let Some((_, said)) = known else {
            let mut said = LastReport::new(rule, now);
            said.take(rule, report, now);
            self.keep(source, said);
            self.settled = false;
            return Some(None);
        };
        if said.is_fresh(now) && report.stamp <= said.stamp {
            return None;
        }
        let (before, was_good) = (said.at, said.is_good());
        said.take(rule, report, now);
        self.settled &= was_good && said.is_good();
        Some(Some(before))
    }

    /// Puts what a source has said to its place: in the order of the sources, whoever spoke
    /// first.
    fn keep(&mut self, source: SourceId, said: LastReport) {
        let place = self.said.partition_point(|(known, _)| known.0 < source.0);
        self.said.insert(place, (source, said));
    }

    /// Looks how far each word can still be relied on, and shows them.
    pub fn look(
        &mut self,
        sources: &[Source],
        now: Instant,
        mut show: impl FnMut(SourceId, &LastReport),
    ) {
        let mut changed = false;
        for (id, said) in self.said_mut() {
            let Some(source) = sources.get(id.0) else { continue };
            changed |= said.look(&source.rule, source.is_lost, now);
            show(id, said);
        }
        self.settled &= !changed;
    }

    /// Whether all that is to be relied on says that it is well, and so does the verdict:
    /// then there is nothing new to conclude, whatever has become of trust.
    pub fn is_settled(&self) -> bool {
        self.settled
    }

    /// Has its verdict be concluded anew.
    #[cfg(test)]
    pub fn unsettle(&mut self) {
        self.settled = false;
    }

    /// How many have a word that is to be relied on.
    pub fn fresh(&self) -> usize {
        self.said().filter(|(_, said)| said.freshness == Freshness::Fresh).count()
    }

    /// Before this no word of those that are fresh ceases to be.
    pub fn fresh_until(&self) -> Instant {
        let fresh = self.said().filter(|(_, said)| said.freshness == Freshness::Fresh);
        fresh.map(|(_, said)| said.fresh_until).min().unwrap_or(Instant::NEVER)
    }

    /// What a source has said holds no more.
    pub fn withdraw(&mut self, source: SourceId) {
        self.said.retain(|(known, _)| *known != source);
        self.settled = false;
    }

    /// Gathers the votes of those who have something to say.
    pub fn vote(&self, sources: &[Source], votes: &mut Vec<SourceVote>, now: Instant) {
        votes.clear();
        votes.extend(self.said().filter_map(|(id, said)| {
            let source = sources.get(id.0)?;
            let claim = said.speaks(source.is_speaking(now))?;
            let vote = Vote { claim, trust: source.trust.thousandths(now) };
            let by_silence = said.freshness == Freshness::Missed;
            let is_hubs = source.rule.manner == Manner::Follows;
            Some(SourceVote { source: id, vote, at: said.at, by_silence, is_hubs })
        }));
    }

    /// Draws the conclusions from the votes; says whether one is another than before.
    pub fn conclude(
        &mut self,
        votes: &[SourceVote],
        rule: &FusionRule,
        recovery: &RecoveryRule,
        now: Instant,
    ) -> bool {
        let ours = votes.iter().filter(|cast| !cast.is_hubs);
        let own = fuse(ours.map(|cast| cast.vote), rule);
        let changed = own != self.own;
        self.own = own;
        let changed = self.judge(votes, rule, recovery, now) || changed;
        // By a word that is missed its source may come to speak without saying anything.
        let is_missed = self.said().any(|(_, said)| said.freshness == Freshness::Missed);
        self.settled = self.verdict == Verdict::Alive
            && !is_missed
            && !votes.is_empty()
            && votes.iter().all(|cast| cast.vote.claim == Claim::Alive);
        changed
    }

    fn judge(
        &mut self,
        votes: &[SourceVote],
        rule: &FusionRule,
        recovery: &RecoveryRule,
        now: Instant,
    ) -> bool {
        let Some(fused) = fuse(votes.iter().map(|cast| cast.vote), rule) else { return false };
        let verdict = match fused {
            Verdict::Dead => {
                if self.verdict != Verdict::Dead {
                    self.deaths.note(now);
                }
                fused
            }
            Verdict::Draining | Verdict::Suspected => {
                self.deaths.interrupt();
                fused
            }
            _ if self.deaths.has_to_prove(recovery, now) => Verdict::Degraded,
            _ => fused,
        };
        if !votes.iter().any(|cast| cast.by_silence) {
            self.before_silence = verdict;
        }
        self.change_to(verdict, now)
    }

    /// If a source is silent about it, that is the source's doing.
    pub fn discount(&mut self, source: SourceId) {
        let said = self.said.iter_mut().filter(|(id, _)| *id == source);
        for (_, said) in said {
            self.is_wronged |= said.discount();
        }
    }

    /// Where a silence has turned out to be its source's, takes back what followed from it;
    /// says whether that is anything.
    pub fn take_back_silence(&mut self, now: Instant) -> bool {
        if !std::mem::take(&mut self.is_wronged) || self.verdict == self.before_silence {
            return false;
        }
        if self.verdict == Verdict::Dead {
            self.deaths.forgive();
        }
        self.settled = false;
        self.change_to(self.before_silence, now)
    }

    /// Whether it is where an event says it is, as far as that is the event's source's to say:
    /// a member is where it was configured, and what was learnt where the source says that it
    /// was learnt from, as long as that speaks. Else two that disagree would move it to and fro.
    pub fn is_at(&self, place: Option<&Place<'_>>, source: SourceId) -> bool {
        let known = &self.endpoint;
        let Some(place) = place.filter(|_| self.learnt.is_some() && self.is_placed_by(source))
        else {
            return true;
        };
        place.address.is_none_or(|address| canonical(address) == known.address)
            && (is_unsaid(&place.locality) || place.locality.iter().eq(&known.locality))
            && place.priority.is_none_or(|priority| priority == known.priority)
            && place.weight.is_none_or(|weight| weight == known.weight)
    }

    fn is_placed_by(&self, source: SourceId) -> bool {
        let placed_by = self.said().find(|(known, _)| Some(*known) == self.placed_by);
        Some(source) == self.placed_by
            || placed_by.is_none_or(|(_, said)| said.freshness != Freshness::Fresh)
    }

    /// Learns where it is now; what isn't said stays as it was.
    pub fn move_to(&mut self, rule: usize, found: Endpoint, place: &Place<'_>, by: SourceId) {
        let known = &mut self.endpoint;
        (known.address, known.metadata) = (found.address, found.metadata);
        if !is_unsaid(&place.locality) {
            known.locality = found.locality;
        }
        known.priority = place.priority.unwrap_or(known.priority);
        known.weight = place.weight.unwrap_or(known.weight);
        (self.learnt, self.placed_by) = (Some(rule), Some(by));
    }

    /// Nobody knows anything of it any more.
    pub fn forget(&mut self, now: Instant) -> bool {
        (self.deaths, self.settled) = (Deaths::default(), false);
        self.change_to(Verdict::Unknown, now)
    }

    fn change_to(&mut self, verdict: Verdict, now: Instant) -> bool {
        let changed = self.verdict != verdict;
        if changed {
            (self.verdict, self.since) = (verdict, now);
        }
        changed
    }

    /// What is known of it.
    pub fn view(&self, sources: &[Source], now: Instant) -> View<'_> {
        let (mut latency, mut errors) = (Mean::default(), Mean::default());
        let (mut fresh, mut given) = (0, 0);
        for (id, said) in self.said() {
            let Some(source) = sources.get(id.0) else { continue };
            given += u32::from(source.trust.initial());
            if said.speaks(source.is_speaking(now)).is_some() {
                let trust = source.trust.thousandths(now);
                fresh += u32::from(trust);
                latency.add(said.latency_ms, trust);
                errors.add(said.error_rate, trust);
            }
        }
        let confidence = fresh * u32::from(WHOLE) / given.max(1);
        View {
            id: &self.id,
            verdict: self.verdict,
            own: self.own,
            since: self.since,
            latency_ms: latency.value(),
            error_rate: errors.value(),
            confidence: Thousandths::try_from(confidence).unwrap_or(WHOLE).min(WHOLE),
        }
    }

    /// All that is known of it.
    pub fn entry(&self, sources: &[Source], now: Instant) -> Entry<'_> {
        let said = self.said().filter_map(|(id, said)| {
            let counts = said.speaks(sources.get(id.0)?.is_speaking(now));
            Some(Said {
                source: id.0,
                claim: counts.unwrap_or(said.claim),
                counts: counts.is_some(),
                at: said.at,
                stamp: said.stamp,
                latency_ms: said.latency_ms,
                error_rate: said.error_rate,
            })
        });
        let Endpoint { address, locality: [region, zone, sub_zone], priority, weight, .. } =
            &self.endpoint;
        Entry {
            view: self.view(sources, now),
            location: Location {
                address: *address,
                locality: [region, zone, sub_zone],
                priority: *priority,
                weight: *weight,
            },
            is_learnt: self.learnt.is_some(),
            deaths: self.deaths.times().to_vec(),
            said: said.collect(),
        }
    }

    /// Goes on from what an owner before this one knew.
    pub fn restore(&mut self, entry: &Entry<'_>) {
        (self.verdict, self.since) = (entry.view.verdict, entry.view.since);
        (self.own, self.before_silence) = (entry.view.own, entry.view.verdict);
        let proven = matches!(entry.view.verdict, Verdict::Alive | Verdict::Unknown);
        self.deaths = Deaths::restore(entry.deaths.clone(), !proven);
    }

    /// Goes on from what a source had said.
    pub fn restore_said(&mut self, source: SourceId, rule: &SourceRule, said: &Said, gap: Nanos) {
        self.said.retain(|(known, _)| *known != source);
        self.keep(source, LastReport::restore(rule, said, gap));
        self.settled = false;
        self.named = self.named.max(said.at);
    }
}

fn is_unsaid(locality: &[Cow<'_, str>; 3]) -> bool {
    locality.iter().all(|part| part.is_empty())
}
