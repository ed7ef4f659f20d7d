//! Watches: streams on which a gRPC service says of its own accord how it is.
//!
//! A process that hangs and a host that vanished are as quiet on it as one that is well,
//! so Checks go on beside it.

use super::{Caller, StreamToken, WatchCall, own_words};
use crate::base::jitter::Jitter;
use crate::base::time::{Instant, Nanos};
use crate::grpc::{LONGEST_MESSAGE, ServingStatus, code};

/// A Watch: whether it is open, and when it is opened again.
#[derive(Debug)]
pub struct Watch {
    call: WatchCall,
    interval: Nanos,
    stream: Option<StreamToken>,
    /// When it was opened last.
    opened: Instant,
    /// Whether it has shown anything since.
    has_spoken: bool,
    /// It is to be opened anew, though Envoy takes it for open.
    distrusted: bool,
    /// When it is opened again.
    open_at: Instant,
    /// How often in a row it has not lasted.
    failures: u32,
    /// Whether the log says already that there is no Watch.
    is_known_missing: bool,
}

/// How soon a Watch is opened again at first; then twice as late each time, up to
/// an interval.
const FIRST_RETRY: Nanos = 100_000_000;
/// After how many intervals a service that has no Watch is asked whether it has
/// one now.
const MISSING_FOR: u64 = 60;

impl Watch {
    /// A Watch that isn't open yet. `interval` is the longest time, in nanoseconds, until
    /// it is opened again.
    pub fn new(call: WatchCall, interval: Nanos) -> Self {
        Self {
            call,
            interval,
            stream: None,
            opened: Instant::ZERO,
            has_spoken: false,
            distrusted: false,
            open_at: Instant::ZERO,
            failures: 0,
            is_known_missing: false,
        }
    }

    /// When something is to be done; `None` while it is open.
    pub fn due(&self) -> Option<Instant> {
        (self.stream.is_none() || self.distrusted).then_some(self.open_at)
    }

    /// Opens it where that is due; says whether it was.
    pub fn open(&mut self, caller: &impl Caller, jitter: &mut Jitter, now: Instant) -> bool {
        if self.due().is_none_or(|due| due > now) {
            return false;
        }
        self.cancel(caller);
        self.stream = caller.open_watch(&self.call);
        self.opened = now;
        self.has_spoken = false;
        if self.stream.is_none() {
            self.retry(jitter, now);
        }
        true
    }

    fn cancel(&mut self, caller: &impl Caller) {
        self.distrusted = false;
        if let Some(stream) = self.stream.take() {
            caller.cancel(stream);
        }
    }

    /// Has it opened again, between half of the present delay and all of it.
    fn retry(&mut self, jitter: &mut Jitter, now: Instant) {
        let delay = FIRST_RETRY.checked_shl(self.failures.min(16)).unwrap_or(Nanos::MAX);
        let delay = delay.min(self.interval);
        self.failures = self.failures.saturating_add(1);
        self.open_at = now + delay / 2 + jitter.below(delay / 2);
    }

    /// Whether it is open on this stream.
    pub fn is_on(&self, stream: StreamToken) -> bool {
        self.stream == Some(stream)
    }

    /// When it was opened, where nothing has come of that yet.
    pub fn unanswered_since(&self) -> Option<Instant> {
        (self.stream.is_some() && !self.has_spoken).then_some(self.opened)
    }

    /// Takes a message, of which the beginning is enough where it is a long one; `None`
    /// where it can't be read.
    pub fn on_message(&mut self, message: &[u8]) -> Option<ServingStatus> {
        self.has_spoken = true;
        (message.len() <= LONGEST_MESSAGE).then(|| ServingStatus::read(message)).flatten()
    }

    /// Another VM holds it from now on: it is closed, and what is known of it forgotten.
    pub fn give_up(&mut self, caller: &impl Caller) {
        self.cancel(caller);
        (self.open_at, self.failures, self.is_known_missing) = (Instant::ZERO, 0, false);
    }

    /// Has it opened again by then, where it isn't open.
    pub fn open_by(&mut self, due: Instant) {
        self.open_at = self.open_at.min(due);
    }

    /// Checks get no answer, so its stream is as dead: it is opened anew, and then its
    /// first words count.
    pub fn distrust(&mut self) {
        if self.stream.is_some() {
            self.distrusted = true;
            self.open_at = Instant::ZERO;
        }
    }

    /// Its stream is closed, with a gRPC status and Envoy's words or the service's.
    pub fn on_close(
        &mut self,
        status: u32,
        message: &[u8],
        jitter: &mut Jitter,
        now: Instant,
    ) -> Closed {
        self.stream = None;
        self.distrusted = false;
        if status == code::UNIMPLEMENTED {
            self.open_at = now + self.interval.saturating_mul(MISSING_FOR);
            let is_known = std::mem::replace(&mut self.is_known_missing, true);
            return Closed::Missing { is_known };
        }
        let lasted = now.since(self.opened) >= self.interval;
        if lasted {
            self.failures = 0;
        }
        self.retry(jitter, now);
        let reason = own_words(message);
        Closed::Ended(Ended { has_spoken: self.has_spoken, lasted, status, reason })
    }
}

/// How a stream has ended.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Closed {
    /// The service has no Watch.
    Missing {
        /// That isn't new.
        is_known: bool,
    },
    /// It has one, whose stream is over.
    Ended(Ended),
}

/// The end of a stream.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Ended {
    /// A message has come on it.
    pub has_spoken: bool,
    /// It was open for an interval or longer.
    pub lasted: bool,
    /// Its gRPC status.
    pub status: u32,
    /// Envoy's reason, where the end is Envoy's own.
    pub reason: Option<String>,
}

impl Ended {
    /// Why it has ended, in words.
    pub fn words(self) -> String {
        self.reason.unwrap_or_else(|| ["closed with ", code::name(self.status)].concat())
    }
}
