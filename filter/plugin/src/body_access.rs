//! Whether Envoy shows a call's message in time.
//!
//! A rule that depends on the service of a gRPC call must read the call's message
//! before its headers go on. Envoy holds the headers back and shows the body only
//! where the plugin has `allow_on_headers_stop_iteration` (Envoy 1.35), which no
//! plugin can ask for; else it holds back the body too. That it shows messages is known
//! for good once it has shown one. That it didn't show one says nothing of the next: a
//! filter in front may hold a body back as well, such as gRPC-Web's for its base64.

use heartbeat_host as host;
use std::cell::Cell;

/// What a worker knows of it.
#[derive(Default)]
pub struct BodyAccess {
    shown: Cell<bool>,
    /// The log says that one was hidden.
    told: Cell<bool>,
}

impl BodyAccess {
    /// Whether one was ever shown.
    pub fn is_visible(&self) -> bool {
        self.shown.get()
    }

    /// A message was shown.
    pub fn note_visible(&self) {
        self.shown.set(true);
    }

    /// Whether more of the present request has come than its head, although nothing was
    /// shown of it.
    pub fn is_hidden(&self, head: u64) -> bool {
        let hidden = host::request_size() > head;
        if hidden && !self.told.replace(true) {
            log::warn!(
                "heartbeat-filter: Envoy didn't show the message of a call before its headers are gone: such a call is passed over by rules that name services, and not counted by service; for all calls to be read set allow_on_headers_stop_iteration on the plugin (Envoy 1.35)"
            );
        }
        hidden
    }
}
