//! Whether Envoy shows the hub the bodies of requests.
//!
//! The hub holds back the head of a request until it has read the body. Envoy goes on to show
//! that only where the plugin has `allow_on_headers_stop_iteration` (Envoy 1.35), which no
//! plugin can ask for; else it holds back the body too, and the request would hang. That it
//! shows bodies is known for good once it has shown one.

use heartbeat_common::base::time::{Instant, Nanos};
use heartbeat_host as host;
use heartbeat_host::ids::{RootId, StreamId};
use heartbeat_mesh::api::Problem;
use std::cell::{Cell, RefCell};

/// How long after the head of a request it is looked whether its body is being shown. A filter
/// in front may hold a body back for a while.
const SHOWN_WITHIN: Nanos = 1_000_000_000;

const HIDDEN: &str = "Envoy doesn't show the hub what it is sent: set allow_on_headers_stop_iteration on the plugin (Envoy 1.35)";

/// What a VM knows of it.
#[derive(Default)]
pub struct BodyAccess {
    is_shown: Cell<bool>,
    /// The log says that one was hidden.
    is_told: Cell<bool>,
    awaited: RefCell<Vec<Awaited>>,
}

/// A request of whose body nothing was shown yet.
struct Awaited {
    stream: StreamId,
    /// The size of its head, in bytes.
    head: u64,
    look_at: Instant,
}

impl BodyAccess {
    /// The head of the present request has come, and its body is waited for.
    pub fn on_head(&self, stream: StreamId, now: Instant) {
        if self.is_shown.get() {
            return;
        }
        let (head, look_at) = (host::request_size(), now + SHOWN_WITHIN);
        if let Ok(mut awaited) = self.awaited.try_borrow_mut() {
            awaited.push(Awaited { stream, head, look_at });
        }
    }

    /// A piece of a body is shown.
    pub fn on_shown(&self) {
        if !self.is_shown.replace(true)
            && let Ok(mut awaited) = self.awaited.try_borrow_mut()
        {
            awaited.clear();
        }
    }

    /// A stream is over.
    pub fn forget(&self, stream: StreamId) {
        if let Ok(mut awaited) = self.awaited.try_borrow_mut() {
            awaited.retain(|it| it.stream != stream);
        }
    }

    /// A request more of which has come than its head, and nothing of that was shown. It won't
    /// be found again.
    pub fn take_hidden(&self, root: RootId, now: Instant) -> Option<StreamId> {
        while let Some(Awaited { stream, head, .. }) = self.take_due(now) {
            let size = host::on_behalf_of(stream, root, host::request_size)?;
            if size > head {
                if !self.is_told.replace(true) {
                    log::error!("heartbeat-hub: {HIDDEN}");
                }
                return Some(stream);
            }
            let look_at = now + SHOWN_WITHIN;
            self.awaited.try_borrow_mut().ok()?.push(Awaited { stream, head, look_at });
        }
        None
    }

    fn take_due(&self, now: Instant) -> Option<Awaited> {
        let mut awaited = self.awaited.try_borrow_mut().ok()?;
        let due = awaited.iter().position(|it| it.look_at <= now)?;
        Some(awaited.swap_remove(due))
    }

    /// When it is to be looked again.
    pub fn next(&self) -> Option<Instant> {
        self.awaited.try_borrow().ok()?.iter().map(|it| it.look_at).min()
    }

    /// What is said to whoever has sent it.
    pub fn problem() -> Problem {
        Problem::new(500, HIDDEN)
    }
}
