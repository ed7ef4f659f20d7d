//! The Watches of all checks: opened one by one, and heard as they speak.

use super::Background;
use super::poll::Poll;
use super::watch::Closed;
use crate::base::time::Instant;
use crate::callout::{Caller, StreamToken, UNREADABLE};
use crate::grpc::{LONGEST_MESSAGE, ServingStatus};
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
        if let Some(watch) = poll.watch_mut() {
            watch.note_message();
        }
        let status =
            (message.len() <= LONGEST_MESSAGE).then(|| ServingStatus::read(message)).flatten();
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
            Closed::Silently => {}
            Closed::Missing => {
                let name = poll.name();
                self.signals.log.push(format!(
                    "check {name:?}: there is no Watch; a Check every interval must do"
                ));
            }
            Closed::Broken(output) => {
                let effect = poll.on_watched(false, output, &mut self.signals, cx);
                self.note(effect, cx.now);
                self.judge(cx);
            }
        }
    }
}
