//! Whether Envoy shows a call's message in time.
//!
//! A rule that depends on the service of a gRPC call must read the call's message
//! before its headers go on. Envoy holds the headers back and shows the body only
//! where the plugin has `allow_on_headers_stop_iteration` (Envoy 1.35), which no
//! plugin can ask for; else it holds back the body too. So the first call tells.

use crate::host;
use std::cell::Cell;

/// What is known of it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Shown {
    /// Nothing yet.
    #[default]
    Unknown,
    /// It shows messages in time.
    Yes,
    /// It doesn't.
    No,
}

/// What a worker knows of it.
#[derive(Default)]
pub struct Messages(Cell<Shown>);

impl Messages {
    /// What is known.
    pub fn shown(&self) -> Shown {
        self.0.get()
    }

    /// A message was shown.
    pub fn note_shown(&self) {
        self.0.set(Shown::Yes);
    }

    /// Looks whether more of a request has come than its head, although nothing was
    /// shown of it.
    pub fn look(&self, head: u64) -> Shown {
        if self.shown() == Shown::Unknown && host::request_size() > head {
            self.0.set(Shown::No);
            log::warn!(
                "heartbeat-filter: Envoy shows no message of a call before its headers are gone: rules that name services are passed over, and nothing is counted by service; set allow_on_headers_stop_iteration on the plugin (Envoy 1.35)"
            );
        }
        self.shown()
    }
}
