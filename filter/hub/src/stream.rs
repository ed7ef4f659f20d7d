//! One HTTP stream: what it asks for, and what becomes of it.

use crate::hub::Hub;
use heartbeat_host::abi::Action;
use heartbeat_host::ids::StreamId;
use heartbeat_host::{self as host, Streams};
use heartbeat_mesh::worker::{self, Step, Worker};
use std::rc::Rc;

thread_local! {
    static STREAMS: Streams<Stream> = const { Streams::new() };
}

/// The most of a body whose size isn't told: what a listener of Envoy buffers.
const LARGEST: usize = 1_024 * 1_024;

/// A stream that is for the hub, until it ends.
#[derive(Clone)]
pub struct Stream {
    id: StreamId,
    hub: Rc<Hub>,
}

/// A stream that is under way.
pub fn find(id: StreamId) -> Option<Stream> {
    STREAMS.with(|streams| streams.find(id))
}

/// Forgets a stream.
pub fn forget(id: StreamId) {
    if let Some(stream) = STREAMS.with(|streams| streams.forget(id)) {
        stream.hub.with_worker(|worker| worker.on_end(id.0));
        stream.hub.bodies.forget(id);
    }
}

/// A stream begins.
pub fn on_request_headers(id: StreamId, hub: Rc<Hub>, end_of_stream: bool) -> Action {
    let (stream, head) = (Stream { id, hub }, host::Request::default());
    if !worker::concerns(&head) {
        return Action::Continue;
    }
    let (of, cx) = (worker::Stream { id: id.0, ends: end_of_stream }, host::shared());
    let step = stream.hub.with_worker(|worker| worker.on_request(of, &head, cx));
    let Some(step) = step else { return Action::Continue };
    if step == Step::Body {
        stream.hub.bodies.on_head(id, cx.now);
    }
    STREAMS.with(|streams| streams.keep(id, stream.clone()));
    stream.take(step)
}

impl Stream {
    /// More of the request has come, and with it `size` bytes of its body are there.
    pub fn on_request_body(&self, size: usize, end_of_stream: bool) -> Action {
        self.read(size, end_of_stream, host::request_body_from)
    }

    /// The request ends with trailers: all of its body is there.
    pub fn on_request_trailers(&self) -> Action {
        let body = host::request_body_from(0, LARGEST);
        let part = |start: usize, size: usize| {
            let part = body.get(start..).unwrap_or_default();
            part.get(..size).unwrap_or(part).to_vec()
        };
        self.read(body.len(), true, part)
    }

    fn read(&self, size: usize, ends: bool, part: impl Fn(usize, usize) -> Vec<u8>) -> Action {
        self.hub.bodies.on_shown();
        let step = self.hub.with_worker(|worker| {
            let of = worker::Stream { id: self.id.0, ends };
            let connection = || host::connection_id().unwrap_or_default();
            worker.on_body(of, size, connection, part, host::shared())
        });
        match step {
            // It is answered already.
            None | Some(Step::Pass) => Action::Pause,
            Some(step) => self.take(step),
        }
    }

    fn take(&self, step: Step) -> Action {
        match step {
            Step::Pass => return Action::Continue,
            Step::Body => {}
            Step::Hold => host::drop_request_body(),
            Step::Reply(reply) => host::reply(&reply),
            Step::HandOver(message, reply) => {
                let is_there = self.hub.hand_over(&message);
                host::reply(&if is_there { reply } else { Worker::lost() });
            }
        }
        Action::Pause
    }
}
