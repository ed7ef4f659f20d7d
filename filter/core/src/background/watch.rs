//! Watches: streams on which a gRPC service says of its own accord how it is.
//!
//! The VM that holds the lease holds them. What one shows decides at once; the
//! Checks of the same rule go on beside it, for a process that hangs and a host
//! that vanished are as quiet as one that is well.

use crate::base::jitter::Jitter;
use crate::base::time::{Instant, Nanos, nanos};
use crate::callout::{Caller, StreamToken, WatchCall, own_words};
use crate::facts::check::{CheckCall, CheckRule};
use crate::grpc::code;

/// The Watch of a check.
#[derive(Debug)]
pub(super) struct Watch {
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
    /// That of a check, where its rule wants one.
    pub(super) fn of(rule: &CheckRule) -> Option<Self> {
        let CheckCall::Grpc(check) = &rule.call else { return None };
        check.watch.then(|| Self {
            call: WatchCall::new(&check.cluster, &check.authority, &check.service),
            interval: nanos(rule.interval),
            stream: None,
            opened: Instant::ZERO,
            has_spoken: false,
            distrusted: false,
            open_at: Instant::ZERO,
            failures: 0,
            is_known_missing: false,
        })
    }

    /// When something is to be done; `None` while it is open.
    pub(super) fn due(&self) -> Option<Instant> {
        (self.stream.is_none() || self.distrusted).then_some(self.open_at)
    }

    /// Opens it where that is due.
    pub(super) fn open(&mut self, caller: &impl Caller, jitter: &mut Jitter, now: Instant) -> bool {
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

    pub(super) fn cancel(&mut self, caller: &impl Caller) {
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
}

impl Watch {
    /// Whether it is open on this stream.
    pub(super) fn is_on(&self, stream: StreamToken) -> bool {
        self.stream == Some(stream)
    }

    /// A message has come.
    pub(super) fn note_message(&mut self) {
        self.has_spoken = true;
    }

    /// Another VM holds it.
    pub(super) fn give_up(&mut self, caller: &impl Caller) {
        self.cancel(caller);
        (self.open_at, self.failures, self.is_known_missing) = (Instant::ZERO, 0, false);
    }

    /// A Check that got no answer has brought the check down: its stream is as dead,
    /// and its first words are to count once it is alive again.
    pub(super) fn distrust(&mut self) {
        if self.stream.is_some() {
            self.distrusted = true;
            self.open_at = Instant::ZERO;
        }
    }

    /// Its stream is closed.
    pub(super) fn on_close(
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
            return if is_known { Closed::Silently } else { Closed::Missing };
        }
        let lasted = now.since(self.opened) >= self.interval;
        if lasted {
            self.failures = 0;
        }
        self.retry(jitter, now);
        // A stream that never got through says nothing that the Checks don't, unless
        // nobody is there. One that says how things are and ends is no Watch, but
        // nothing is wrong.
        let reason = own_words(message);
        let is_broken = match self.has_spoken {
            true => lasted || status != code::OK,
            false => reason.is_some(),
        };
        if !is_broken {
            return Closed::Silently;
        }
        let reason = reason.unwrap_or_else(|| format!("closed with {}", code::name(status)));
        Closed::Broken(format!("the Watch is broken: {reason}"))
    }
}

/// What the end of a stream says.
pub(super) enum Closed {
    /// Nothing, or nothing new.
    Silently,
    /// The service has no Watch, which is news.
    Missing,
    /// The check is down: why, in words.
    Broken(String),
}
