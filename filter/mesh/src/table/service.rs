//! The instances of a service.

use super::instance::Instance;
use super::{Member, ServiceRule, SourceId, Taken};
use crate::event::Place;
use heartbeat_common::base::time::Instant;
use std::collections::HashMap;

#[derive(Debug)]
pub struct Service {
    pub rule: ServiceRule,
    places: HashMap<String, usize>,
    pub instances: Vec<Instance>,
    /// When anybody's word was fresh last.
    pub last_report: Instant,
    /// Another number means other instances, or that they stand elsewhere.
    pub members: u64,
}

impl Service {
    pub fn new(rule: ServiceRule, now: Instant) -> Self {
        let instance =
            |member: &Member| Instance::new(member.id.clone(), member.endpoint.clone(), None, now);
        let instances = rule.members.iter().map(instance).collect();
        let places = rule.members.iter().map(|member| member.id.clone()).zip(0..).collect();
        Self { rule, places, instances, last_report: now, members: 0 }
    }

    pub fn place(&self, id: &str) -> Option<usize> {
        self.places.get(id).copied()
    }

    /// The place of an instance, which is learnt where it isn't known, may be where it says
    /// it is, and there is room; and whether it is new, or elsewhere than before.
    pub fn place_or_learn(
        &mut self,
        id: &str,
        place: Option<&Place<'_>>,
        source: SourceId,
        now: Instant,
    ) -> Result<(usize, bool), Taken> {
        let known = self.place(id);
        if let Some(known) = known
            && self.instances.get(known).is_none_or(|it| it.is_at(place, source))
        {
            return Ok((known, false));
        }
        let place = place.ok_or(Taken::Unknown)?;
        let (rule, endpoint) = self.rule.learns(id, place).ok_or(Taken::Unknown)?;
        let is_taken = |it: &Instance| it.endpoint.address == endpoint.address && it.id != id;
        if self.instances.iter().any(is_taken) {
            return Err(Taken::Unknown);
        }
        if let Some(known) = known {
            let instance = self.instances.get_mut(known);
            instance.into_iter().for_each(|it| it.move_to(rule, endpoint.clone(), place, source));
            self.members += 1;
            return Ok((known, true));
        }
        let most = self.rule.learn.get(rule).map_or(0, |rule| rule.most);
        if self.instances.iter().filter(|it| it.learnt == Some(rule)).count() >= most {
            return Err(Taken::Full);
        }
        let place = self.instances.len();
        let learnt = Some((rule, source));
        self.instances.push(Instance::new(id.to_owned(), endpoint, learnt, now));
        self.places.insert(id.to_owned(), place);
        self.members += 1;
        Ok((place, true))
    }

    /// Removes what was learnt and nobody has named for long, though others are; never
    /// the last one: traffic would have nowhere to go. Tells who is gone.
    pub fn remove_forgotten(&mut self, now: Instant, mut gone: impl FnMut(String)) {
        let mut place = 0;
        while let Some(instance) = self.instances.get(place) {
            let rule = instance.learnt.and_then(|rule| self.rule.learn.get(rule));
            let forgotten = rule.is_some_and(|rule| now.since(instance.named) > rule.forget);
            if !forgotten || self.instances.len() == 1 {
                place += 1;
                continue;
            }
            let removed = self.instances.swap_remove(place);
            self.places.remove(&removed.id);
            if let Some(moved) = self.instances.get(place) {
                self.places.insert(moved.id.clone(), place);
            }
            self.members += 1;
            gone(removed.id);
        }
    }
}
