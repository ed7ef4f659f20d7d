//! One instance: what the sources say of it, and the verdict.

use super::last_report::{Freshness, LastReport, Report};
use super::{Source, SourceId, View};
use crate::fusion::{FusionRule, Thousandths, Verdict, Vote, WHOLE, fuse};
use crate::recovery::{Deaths, RecoveryRule};
use crate::source::SourceRule;
use heartbeat_common::base::time::Instant;

/// The vote of a source, and when it spoke.
#[derive(Clone, Copy, Debug)]
pub struct SourceVote {
    pub source: SourceId,
    pub vote: Vote,
    pub at: Instant,
    /// It is by its silence that it speaks.
    pub by_silence: bool,
}

#[derive(Debug)]
pub struct Instance {
    pub id: String,
    /// It was configured, not learnt.
    pub is_member: bool,
    /// By source.
    said: Vec<Option<LastReport>>,
    pub verdict: Verdict,
    since: Instant,
    /// The verdict before a silence had a part in it.
    before_silence: Verdict,
    deaths: Deaths,
    /// When anybody last spoke of it.
    pub named: Instant,
}

impl Instance {
    pub fn new(id: String, is_member: bool, sources: usize, now: Instant) -> Self {
        Self {
            id,
            is_member,
            said: vec![None; sources],
            verdict: Verdict::Unknown,
            since: now,
            before_silence: Verdict::Unknown,
            deaths: Deaths::default(),
            named: now,
        }
    }

    /// What each source has said, by its place.
    pub fn said(&self) -> impl Iterator<Item = (SourceId, &LastReport)> {
        let said = self.said.iter().enumerate();
        said.filter_map(|(place, said)| Some((SourceId(place), said.as_ref()?)))
    }

    /// The same, to be changed.
    pub fn said_mut(&mut self) -> impl Iterator<Item = (SourceId, &mut LastReport)> {
        let said = self.said.iter_mut().enumerate();
        said.filter_map(|(place, said)| Some((SourceId(place), said.as_mut()?)))
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
        let said = self.said.get_mut(source.0)?;
        let before = said.as_ref().map(|said| said.at);
        let fresh = |said: &&mut LastReport| said.freshness(rule, now) == Freshness::Fresh;
        if said.as_mut().filter(fresh).is_some_and(|said| report.stamp <= said.stamp) {
            return None;
        }
        said.get_or_insert_with(|| LastReport::new(rule, now)).take(rule, report, now);
        Some(before)
    }

    /// Gathers the votes of those who have something to say.
    pub fn vote(&self, sources: &[Source], votes: &mut Vec<SourceVote>, now: Instant) {
        votes.clear();
        votes.extend(self.said().filter_map(|(id, said)| {
            let source = sources.get(id.0)?;
            let claim = said.speaks(source.is_speaking(now))?;
            let vote = Vote { claim, trust: source.trust.thousandths(now) };
            let by_silence = said.freshness == Freshness::Missed;
            Some(SourceVote { source: id, vote, at: said.at, by_silence })
        }));
    }

    /// Draws the conclusion from the votes; says whether the verdict is another one.
    pub fn conclude(
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

    /// The silence was its source's: what followed from it is taken back.
    pub fn take_back_silence(&mut self, now: Instant) -> bool {
        if self.verdict == self.before_silence {
            return false;
        }
        if self.verdict == Verdict::Dead {
            self.deaths.forgive();
        }
        self.change_to(self.before_silence, now)
    }

    /// Nobody knows anything of it any more.
    pub fn forget(&mut self, now: Instant) -> bool {
        self.deaths = Deaths::default();
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
        let mut votes = Vec::new();
        self.vote(sources, &mut votes, now);
        let trust = |id: SourceId| {
            let cast = votes.iter().find(|cast| cast.source == id)?;
            Some(f32::from(cast.vote.trust))
        };
        let mean = |value: fn(&LastReport) -> Option<f32>| {
            let weighed = self.said().filter_map(|(id, said)| Some((trust(id)?, value(said)?)));
            let (sum, all) = weighed
                .fold((0.0, 0.0), |(sum, all), (trust, value)| (sum + trust * value, all + trust));
            (all > 0.0).then(|| sum / all)
        };
        let fresh: u32 = votes.iter().map(|cast| u32::from(cast.vote.trust)).sum();
        let given = self.said().filter_map(|(id, _)| sources.get(id.0));
        let given: u32 = given.map(|source| u32::from(source.trust.initial())).sum();
        let confidence = fresh * u32::from(WHOLE) / given.max(1);
        View {
            id: &self.id,
            verdict: self.verdict,
            since: self.since,
            latency_ms: mean(|said| said.latency_ms),
            error_rate: mean(|said| said.error_rate),
            confidence: Thousandths::try_from(confidence).unwrap_or(WHOLE).min(WHOLE),
        }
    }
}
