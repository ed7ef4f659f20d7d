//! A hub at work in one VM.

use heartbeat_common::callout::{CallToken, StreamToken};
use heartbeat_host as host;
use heartbeat_host::ids::{QueueId, RootId};

/// A configuration at work.
pub struct Hub {
    /// The context that it ticks in and that its answers come to.
    #[expect(dead_code)] // Nothing waits for it yet.
    pub root: RootId,
}

impl Hub {
    /// Puts the present configuration to work.
    #[expect(clippy::unnecessary_wraps)] // No configuration is read yet, so none is refused.
    pub fn configure(root: RootId) -> Option<Self> {
        log::info!("heartbeat-hub: version {}", env!("CARGO_PKG_VERSION"));
        Some(Self { root })
    }

    /// Does what is due without a request.
    pub fn on_tick(&self) {}

    /// Takes what others have put into a queue of this VM.
    pub fn on_queue_ready(&self, _queue: QueueId) {}

    /// The answer to a call is there.
    pub fn on_answer(&self, _token: CallToken, _answer: &host::Answer) {}

    /// A Watch has something to say.
    pub fn on_watch_message(&self, _stream: StreamToken, _message: &[u8]) {}

    /// A Watch is closed.
    pub fn on_watch_close(&self, _stream: StreamToken, _status: u32, _message: &[u8]) {}
}
