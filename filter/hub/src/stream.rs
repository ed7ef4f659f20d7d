//! One HTTP stream: it is answered by the hub, and never forwarded.

use crate::hub::Hub;
use heartbeat_host::abi::Action;
use heartbeat_host::ids::StreamId;
use heartbeat_host::{self as host, Streams};
use heartbeat_mesh::api::Problem;

thread_local! {
    static STREAMS: Streams<Stream> = const { Streams::new() };
}

/// What is known of a stream until it ends.
#[derive(Clone, Copy, Debug)]
pub enum Stream {
    /// It has its answer; whatever else comes of the request is passed over.
    Answered,
}

/// A stream that is under way.
pub fn find(id: StreamId) -> Option<Stream> {
    STREAMS.with(|streams| streams.find(id))
}

/// Forgets a stream.
pub fn forget(id: StreamId) {
    STREAMS.with(|streams| streams.forget(id));
}

/// A stream begins.
pub fn on_request_headers(id: StreamId, _hub: &Hub, _end_of_stream: bool) -> Action {
    STREAMS.with(|streams| streams.keep(id, Stream::Answered));
    host::reply(&Problem::new(503, "the hub isn't at work yet").reply());
    Action::Pause
}

impl Stream {
    /// More of the request has come, and with it `size` bytes of its body are there.
    pub fn on_request_body(self, _size: usize, _end_of_stream: bool) -> Action {
        match self {
            Self::Answered => Action::Pause,
        }
    }
}
