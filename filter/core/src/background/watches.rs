//! The Watches of all checks: opened one by one, and heard as they speak.
//!
//! The VM that holds the lease holds them. What one shows decides at once.

use super::Background;
use super::poll::Poll;
use crate::base::time::Instant;
use crate::callout::{Caller, Closed, Ended, StreamToken, UNREADABLE};
use crate::grpc::{ServingStatus, code};
use crate::state::{Context, SharedStore};

impl Poll {
    /// Whether its Watch is on this stream.
    fn is_watched_on(&self, stream: StreamToken) -> bool {
        self.watch().is_some_and(|watch| watch.is_on(stream))
    }
}

impl Background {
    /// Opens one that is to be opened; gives up all where another VM has the lease.
    pub(super) fn tend_watches(&mut self, caller: &impl Caller, now: Instant) {
        for watch in self.polls.iter_mut().filter_map(Poll::watch_mut) {
            if self.lease.is_held() {
                if watch.open(caller, &mut self.jitter, now) {
                    return;
                }
            } else {
                watch.give_up(caller);
            }
        }
    }

    /// A stream has brought a message; of a long one its beginning is enough.
    pub fn on_message(
        &mut self,
        stream: StreamToken,
        message: &[u8],
        cx: Context<'_, impl SharedStore>,
    ) {
        let Some(poll) = self.polls.iter_mut().find(|it| it.is_watched_on(stream)) else { return };
        let status = poll.watch_mut().and_then(|watch| watch.on_message(message));
        let output = status.map_or(UNREADABLE, ServingStatus::word).to_owned();
        let healthy = status == Some(ServingStatus::Serving);
        let effect = poll.on_watched(healthy, output, &mut self.signals, cx);
        self.note(effect, cx.now);
        self.judge(cx);
    }

    /// A stream is closed, with a gRPC status and Envoy's words or the service's.
    pub fn on_close(
        &mut self,
        stream: StreamToken,
        status: u32,
        message: &[u8],
        cx: Context<'_, impl SharedStore>,
    ) {
        let Some(poll) = self.polls.iter_mut().find(|it| it.is_watched_on(stream)) else { return };
        let Some(watch) = poll.watch_mut() else { return };
        match watch.on_close(status, message, &mut self.jitter, cx.now) {
            Closed::Missing { is_known: true } => {}
            Closed::Missing { is_known: false } => {
                let name = poll.name();
                self.signals.log.push(format!(
                    "check {name:?}: there is no Watch; a Check every interval must do"
                ));
            }
            Closed::Ended(end) if !is_broken(&end) => {}
            Closed::Ended(end) => {
                let output = ["the Watch is broken: ", &end.words()].concat();
                let effect = poll.on_watched(false, output, &mut self.signals, cx);
                self.note(effect, cx.now);
                self.judge(cx);
            }
        }
    }
}

/// Whether the end of a stream says that the check is down. One that never got through
/// says nothing that the Checks don't, unless nobody is there. One that says how things
/// are and ends is no Watch, but nothing is wrong.
fn is_broken(end: &Ended) -> bool {
    match end.has_spoken {
        true => end.lasted || end.status != code::OK,
        false => end.reason.is_some(),
    }
}
