//! The instances of a service.

use super::instance::Instance;
use super::{ServiceRule, Taken};
use heartbeat_common::base::time::Instant;
use std::collections::HashMap;

#[derive(Debug)]
pub struct Service {
    pub rule: ServiceRule,
    places: HashMap<String, usize>,
    pub instances: Vec<Instance>,
    /// When anybody's word was fresh last.
    pub last_report: Instant,
    /// A verdict, or who belongs to it, is another since that was last asked.
    pub changed: bool,
    sources: usize,
}

impl Service {
    pub fn new(rule: ServiceRule, sources: usize, now: Instant) -> Self {
        let ids = rule.members.iter().map(|member| member.id.clone());
        let places = ids.clone().zip(0..).collect();
        let instances = ids.map(|id| Instance::new(id, true, sources, now)).collect();
        Self { rule, places, instances, last_report: now, changed: true, sources }
    }

    pub fn place(&self, id: &str) -> Option<usize> {
        self.places.get(id).copied()
    }

    /// The place of an instance, which is learnt where it isn't known and there is room.
    pub fn place_or_learn(&mut self, id: &str, now: Instant) -> Result<usize, Taken> {
        if let Some(place) = self.place(id) {
            return Ok(place);
        }
        let learnt = self.instances.len().saturating_sub(self.rule.members.len());
        match self.rule.learn.iter().map(|learn| learn.most).sum() {
            0 => Err(Taken::Unknown),
            most if learnt >= most => Err(Taken::Full),
            _ => {
                let place = self.instances.len();
                self.instances.push(Instance::new(id.to_owned(), false, self.sources, now));
                self.places.insert(id.to_owned(), place);
                self.changed = true;
                Ok(place)
            }
        }
    }

    /// Removes what was learnt and nobody has named for long, though others are; never
    /// the last one: traffic would have nowhere to go.
    pub fn remove_forgotten(&mut self, now: Instant) {
        let forget = self.rule.forget;
        let mut place = 0;
        while let Some(instance) = self.instances.get(place) {
            let forgotten = !instance.is_member && now.since(instance.named) > forget;
            if !forgotten || self.instances.len() == 1 {
                place += 1;
                continue;
            }
            let gone = self.instances.swap_remove(place);
            self.places.remove(&gone.id);
            if let Some(moved) = self.instances.get(place) {
                self.places.insert(moved.id.clone(), place);
            }
            self.changed = true;
        }
    }
}
