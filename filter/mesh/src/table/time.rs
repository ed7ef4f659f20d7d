//! What time does to a table: words grow old, sources fall silent, what was dead proves itself.

use super::last_report::Freshness;
use super::{ServiceId, SourceId, Table};
use crate::source::Silence;
use heartbeat_common::base::time::Instant;

/// Of so many instances a part that falls silent together is their source's doing.
const MANY: usize = 10;
/// That part, in thousandths: more than this.
const TOGETHER: usize = 300;

/// What a source has said, counted by instances.
#[derive(Clone, Copy, Default)]
struct Tally {
    /// Of how many it has ever said something.
    instances: usize,
    /// Of how many it says something, or did of late.
    spoken_of: usize,
    /// Of how many of those it says nothing more.
    silent: usize,
}

impl Table {
    /// When somebody may fall silent: time is to [go by](Self::on_time) then.
    pub fn silences_at(&self) -> Instant {
        self.silences_at
    }

    /// Whether time may change a verdict although nobody falls silent.
    pub fn is_open(&self) -> bool {
        self.is_open
    }

    /// Time goes by: words grow old, beats are missed, what was dead has proved itself.
    pub fn on_time(&mut self, now: Instant) {
        if self.silences_at <= now {
            self.note_silences(now);
        }
        self.is_open = false;
        let (sources, recovery, votes) = (&self.sources, &self.recovery, &mut self.votes);
        let changes = &mut self.changes;
        for (number, service) in self.services.iter_mut().enumerate() {
            let mut note = |id: &str| changes.push((ServiceId(number), id.to_owned()));
            let mut any_fresh = false;
            for instance in &mut service.instances {
                let mut changed = instance.take_back_silence(now);
                if instance.is_settled() {
                    any_fresh = true;
                    continue;
                }
                any_fresh |= instance.fresh() > 0;
                instance.vote(sources, votes, now);
                changed |= instance.conclude(votes, &service.rule.fusion, recovery, now);
                self.is_open |= !instance.is_settled();
                if changed {
                    note(&instance.id);
                }
            }
            if any_fresh {
                service.last_report = now;
                service.remove_forgotten(now, |gone| {
                    self.silences_at = Instant::ZERO;
                    note(&gone);
                });
            } else if now.since(service.last_report) > service.rule.forget {
                let forgotten = service
                    .instances
                    .iter_mut()
                    .filter_map(|instance| instance.forget(now).then_some(&*instance.id));
                forgotten.for_each(note);
            }
        }
    }

    /// Looks who has fallen silent, and whether that is the instances' doing or their
    /// source's.
    fn note_silences(&mut self, now: Instant) {
        let mut tallies = vec![Tally::default(); self.sources.len()];
        let sources = &self.sources;
        let mut next = Instant::NEVER;
        for instance in self.services.iter_mut().flat_map(|service| &mut service.instances) {
            instance.look(sources, now, |id, said| {
                let (Some(source), Some(tally)) = (sources.get(id.0), tallies.get_mut(id.0)) else {
                    return;
                };
                if !source.is_lost {
                    next = next.min(said.changes_at(&source.rule));
                }
                let lately = source.rule.fresh_for().is_some_and(|it| said.is_silent_for(it, now));
                tally.instances += 1;
                tally.spoken_of += usize::from(said.freshness == Freshness::Fresh || lately);
                tally.silent += usize::from(lately);
            });
        }
        self.silences_at = next;
        for (place, tally) in tallies.into_iter().enumerate() {
            let Tally { instances, spoken_of, silent } = tally;
            self.sources.get_mut(place).into_iter().for_each(|it| it.instances = instances);
            let all = spoken_of >= 2 && silent == spoken_of;
            let many = spoken_of >= MANY && silent * 1_000 > spoken_of * TOGETHER;
            let counts = self.sources.get(place).is_some_and(|it| it.rule.silence == Silence::Down);
            if counts && (all || many) {
                let instances = self.services.iter_mut().flat_map(|it| &mut it.instances);
                instances.for_each(|instance| instance.discount(SourceId(place)));
            }
        }
    }

    /// A source can't be heard any more: what it has said counts no more until it is.
    pub fn lose(&mut self, source: SourceId) {
        self.sources.get_mut(source.0).into_iter().for_each(|source| source.is_lost = true);
        self.silences_at = Instant::ZERO;
    }

    /// A source that was lost is heard again, though it has nothing new to say.
    pub fn hear(&mut self, source: SourceId) {
        self.sources.get_mut(source.0).into_iter().for_each(|source| source.is_lost = false);
        self.silences_at = Instant::ZERO;
    }
}
