//! What comes of asking, until somebody takes it.

use super::Word;
use crate::event::Place;
use crate::event::Report;
use crate::fusion::Claim;
use crate::table::{ServiceId, SourceId};
use heartbeat_common::base::jitter::Jitter;
use heartbeat_common::base::time::{Instant, Nanos};

#[derive(Debug)]
pub struct Notes {
    pub words: Vec<Word>,
    pub log: Vec<String>,
    pub jitter: Jitter,
    /// The names of all services, in the order of their ids.
    services: Vec<String>,
    /// That of the last report. No two have the same, so that none is taken for a duplicate.
    stamp: u64,
}

impl Notes {
    pub fn new(services: Vec<String>, seed: u64) -> Self {
        let (words, log) = Default::default();
        Self { words, log, jitter: Jitter::new(seed), services, stamp: 0 }
    }

    /// The service of that name.
    pub fn service(&self, name: &str) -> Option<ServiceId> {
        self.services.iter().position(|known| known == name).map(ServiceId)
    }

    /// What a report has that says this now.
    pub fn report(&mut self, claim: Claim, now: Instant) -> Report {
        self.stamp = now.0.max(self.stamp.saturating_add(1));
        Report { stamp: self.stamp, claim, ..Report::default() }
    }
}

/// A source that is asked about one instance.
#[derive(Debug)]
pub struct Subject {
    pub source: SourceId,
    /// The source's name.
    pub name: String,
    pub service: ServiceId,
    pub instance: String,
}

impl Subject {
    /// It says this; `took` is how long the answer took that says so.
    pub fn say(&self, claim: Claim, took: Option<Nanos>, notes: &mut Notes, now: Instant) {
        let latency_ms = took.map(|took| (took as f64 / 1e6) as f32);
        let report = Report { latency_ms, ..notes.report(claim, now) };
        let (source, service, instance) = (self.source, self.service, self.instance.clone());
        let place: Option<Place<'static>> = None;
        notes.words.push(Word::Said { source, service, instance, report, place });
    }

    /// Has the log say something of it.
    pub fn warn(&self, what: &str, notes: &mut Notes) {
        notes.log.push(format!("source {:?}: {what}", self.name));
    }
}
