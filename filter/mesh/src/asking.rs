//! The sources that the hub asks, rather than hears from.
//!
//! Only the owner of the table asks, on its ticks: at most one call each. Envoy keeps what
//! comes of a call at once until the end of the callback, and never gets over that where
//! another call then leads back into the module, as a filter of the cluster that is called.

use crate::event::Place;
use crate::event::Report;
use crate::table::{ServiceId, SourceId};
use hub::FollowedHub;
use notes::{Notes, Subject};
use poll::PolledInstance;
use watch::WatchedInstance;

use heartbeat_common::base::time::{Instant, Nanos};
use heartbeat_common::callout::{CallAnswer, CallToken, Caller, StreamToken};
use std::time::Duration;

pub use rule::{Asks, GrpcAsk, HttpAsk, HubAsk};

mod changes;
mod hub;
mod notes;
mod poll;
mod rule;
mod watch;

/// A source that is asked.
#[derive(Clone, Debug)]
pub struct AskedSource {
    /// Which.
    pub source: SourceId,
    /// Its name, for the log.
    pub name: String,
    /// What is asked of it.
    pub asks: Asks,
    /// The service that it is asked about; of another hub, the only one that is followed.
    pub service: Option<ServiceId>,
    /// The instance that it is asked about. Another hub needs none; any other source that
    /// has no service and no instance is passed over.
    pub instance: Option<String>,
}

/// What has come of asking.
#[derive(Clone, Debug, PartialEq)]
pub enum Word {
    /// A source says something of an instance.
    Said {
        /// The source.
        source: SourceId,
        /// The service.
        service: ServiceId,
        /// Its instance.
        instance: String,
        /// What it says.
        report: Report,
        /// Where the instance is, where it says so.
        place: Option<Place<'static>>,
    },
    /// What it has said of an instance holds no more, and it says nothing else of it.
    Withdrawn {
        /// The source.
        source: SourceId,
        /// The service.
        service: ServiceId,
        /// Its instance.
        instance: String,
    },
    /// Nothing that it has said holds any more; what it says follows.
    StartsOver(SourceId),
    /// Nobody hears it any more: what it has said counts no more until it is heard again.
    Lost(SourceId),
    /// It is heard again, and what it has said still holds.
    Heard(SourceId),
    /// A whole answer took so long, in nanoseconds.
    RoundTrip(SourceId, Nanos),
}

/// All sources that are asked.
#[derive(Debug)]
pub struct Asking {
    asked: Vec<Asked>,
    notes: Notes,
    /// The source that is asked first where several are due.
    turn: usize,
}

#[derive(Debug)]
enum Asked {
    Poll(PolledInstance),
    Watch(WatchedInstance),
    Hub(FollowedHub),
}

impl Asking {
    /// Begins to ask. `services` are the names of all services, in the order of their ids;
    /// `seed` must differ from that of other hubs.
    pub fn new(sources: Vec<AskedSource>, services: Vec<String>, seed: u64) -> Self {
        let asked = sources.into_iter().filter_map(|source| Asked::of(source, &services));
        Self { asked: asked.collect(), notes: Notes::new(services, seed), turn: 0 }
    }

    /// Does what is due.
    pub fn on_tick(&mut self, caller: &impl Caller, now: Instant) {
        for asked in &mut self.asked {
            asked.on_time(&mut self.notes, now);
        }
        let count = self.asked.len();
        let mut places = (self.turn..count).chain(0..self.turn.min(count));
        let (asked, notes) = (&mut self.asked, &mut self.notes);
        let called = places.find(|place| {
            asked.get_mut(*place).is_some_and(|asked| asked.call(caller, notes, now))
        });
        self.turn = called.map_or(self.turn, |place| place + 1);
    }

    /// How long nothing is due; zero where something is left to be done; `None` for ever.
    pub fn next_tick(&self, now: Instant) -> Option<Duration> {
        let next = self.asked.iter().filter_map(Asked::next).min()?;
        Some(Duration::from_nanos(next.since(now)))
    }

    /// The answer to a call is there, or Envoy's own in its place; that to a call of
    /// somebody else is passed over.
    pub fn on_answer(&mut self, token: CallToken, answer: &impl CallAnswer, now: Instant) {
        let (mut asked, notes) = (self.asked.iter_mut(), &mut self.notes);
        let _ = asked.any(|asked| asked.on_answer(token, answer, notes, now));
    }

    /// A stream has brought a message; of a long one its beginning is enough.
    pub fn on_watch_message(&mut self, stream: StreamToken, message: &[u8], now: Instant) {
        if let Some((watched, notes)) = self.watched(stream) {
            watched.on_message(message, notes, now);
        }
    }

    /// A stream is closed, with a gRPC status and Envoy's words or the service's. A tick is
    /// due at once.
    pub fn on_watch_close(
        &mut self,
        stream: StreamToken,
        status: u32,
        message: &[u8],
        now: Instant,
    ) {
        if let Some((watched, notes)) = self.watched(stream) {
            watched.on_close(status, message, notes, now);
        }
    }

    fn watched(&mut self, stream: StreamToken) -> Option<(&mut WatchedInstance, &mut Notes)> {
        let mut asked = self.asked.iter_mut();
        let watched = asked.find_map(|asked| match asked {
            Asked::Watch(watched) if watched.is_on(stream) => Some(watched),
            _ => None,
        });
        Some((watched?, &mut self.notes))
    }

    /// What has come of it since the last call.
    pub fn take_words(&mut self) -> Vec<Word> {
        std::mem::take(&mut self.notes.words)
    }

    /// Lines for the log since the last call, as warnings.
    pub fn take_log(&mut self) -> Vec<String> {
        std::mem::take(&mut self.notes.log)
    }

    /// Asks no more: another VM does.
    pub fn cancel_all(self, caller: &impl Caller) {
        for asked in self.asked {
            if let Asked::Watch(mut watched) = asked {
                watched.cancel(caller);
            }
        }
    }
}

impl Asked {
    fn of(asked: AskedSource, services: &[String]) -> Option<Self> {
        let AskedSource { source, name, asks, service, instance } = asked;
        let subject = |name| Some(Subject { source, name, service: service?, instance: instance? });
        Some(match asks {
            Asks::Http(ask) => Self::Poll(PolledInstance::over_http(subject(name)?, &ask)),
            Asks::Grpc(ask) if ask.watch => Self::Watch(WatchedInstance::new(subject(name)?, &ask)),
            Asks::Grpc(ask) => Self::Poll(PolledInstance::over_grpc(subject(name)?, &ask)),
            Asks::Hub(ask) => {
                let service = service.and_then(|it| services.get(it.0).cloned());
                Self::Hub(FollowedHub::new(source, name, service.as_deref(), &ask))
            }
        })
    }

    fn next(&self) -> Option<Instant> {
        match self {
            Self::Poll(polled) => polled.next(),
            Self::Watch(watched) => watched.next(),
            Self::Hub(hub) => hub.next(),
        }
    }

    fn on_time(&mut self, notes: &mut Notes, now: Instant) {
        match self {
            Self::Poll(polled) => polled.on_time(notes, now),
            Self::Watch(watched) => watched.on_time(notes, now),
            Self::Hub(hub) => hub.on_time(notes, now),
        }
    }

    /// Makes a call where one is due; says whether it was.
    fn call(&mut self, caller: &impl Caller, notes: &mut Notes, now: Instant) -> bool {
        match self {
            Self::Poll(polled) => polled.call(caller, notes, now),
            Self::Watch(watched) => watched.call(caller, notes, now),
            Self::Hub(hub) => hub.call(caller, notes, now),
        }
    }

    /// Whether the answer is that to a call of its own.
    fn on_answer(
        &mut self,
        token: CallToken,
        answer: &impl CallAnswer,
        notes: &mut Notes,
        now: Instant,
    ) -> bool {
        match self {
            Self::Poll(polled) => polled.on_answer(token, answer, notes, now),
            Self::Watch(watched) => watched.on_answer(token, answer, notes, now),
            Self::Hub(hub) => hub.on_answer(token, answer, notes, now),
        }
    }
}

#[cfg(test)]
mod tests;
