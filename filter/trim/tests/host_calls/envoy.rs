//! What Envoy holds of a request, and in which phases the module may touch it.

use std::collections::{BTreeMap, VecDeque};

use super::trace::Trace;

/// `proxy_map_type_t`.
const REQUEST: i32 = 0;
const RESPONSE: i32 = 2;
const RESPONSE_TRAILERS: i32 = 3;

/// `proxy_buffer_type_t`.
const REQUEST_BODY: i32 = 0;
const RESPONSE_BODY: i32 = 1;
const PLUGIN_CONFIGURATION: i32 = 7;

/// Headers, in their order.
pub type Headers = Vec<(String, Vec<u8>)>;

/// An answer that the module sent itself.
#[derive(Clone, Debug)]
pub struct LocalReply {
    pub status: u32,
    pub details: Vec<u8>,
    pub body: Vec<u8>,
}

/// How far the stream is.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Phase {
    #[default]
    Request,
    Response,
    Over,
}

/// What Envoy holds.
#[derive(Debug, Default)]
pub struct Envoy {
    pub phase: Phase,
    pub request: Headers,
    pub response: Headers,
    pub trailers: Headers,
    pub request_body: Vec<u8>,
    pub response_body: Vec<u8>,
    pub properties: BTreeMap<&'static str, Vec<u8>>,
    pub plugin_config: Vec<u8>,
    /// Nanoseconds of the monotonic clock.
    pub now: u64,
    /// How far wall time is ahead of it.
    pub wall_ahead: u64,
    pub reply: Option<LocalReply>,
    pub trace: Trace,
    pub log: Vec<String>,
    pub metrics: Vec<String>,
    /// Where the module had values put, since the request began.
    pub rooms: Vec<i32>,
    pub shared: BTreeMap<Vec<u8>, (Vec<u8>, u32)>,
    /// Names and messages; a queue's number is its place, from 1 on.
    pub queues: Vec<(String, VecDeque<Vec<u8>>)>,
}

impl Envoy {
    /// The headers that may be touched now.
    pub fn map(&mut self, map: i32) -> Option<&mut Headers> {
        match (map, self.phase) {
            (REQUEST, Phase::Request | Phase::Over) => Some(&mut self.request),
            (RESPONSE, Phase::Response | Phase::Over) => Some(&mut self.response),
            (RESPONSE_TRAILERS, Phase::Response | Phase::Over) => Some(&mut self.trailers),
            _ => None,
        }
    }

    /// The body or the configuration, if it may be touched now.
    pub fn buffer(&mut self, buffer: i32) -> Option<&mut Vec<u8>> {
        match (buffer, self.phase) {
            (REQUEST_BODY, Phase::Request) => Some(&mut self.request_body),
            (RESPONSE_BODY, Phase::Response) => Some(&mut self.response_body),
            (PLUGIN_CONFIGURATION, _) => Some(&mut self.plugin_config),
            _ => None,
        }
    }

    /// The number of a queue, which is made where there is none.
    pub fn queue(&mut self, name: String) -> i32 {
        let place = self.queues.iter().position(|(known, _)| *known == name);
        let place = place.unwrap_or_else(|| {
            self.queues.push((name, VecDeque::new()));
            self.queues.len() - 1
        });
        i32::try_from(place + 1).unwrap_or(i32::MAX)
    }

    /// What is in a queue.
    pub fn messages(&mut self, id: i32) -> Option<&mut VecDeque<Vec<u8>>> {
        let place = usize::try_from(id).ok()?.checked_sub(1)?;
        self.queues.get_mut(place).map(|(_, messages)| messages)
    }

    /// The name of a metric.
    pub fn metric(&self, id: i32) -> String {
        let index = usize::try_from(id).unwrap_or(usize::MAX);
        self.metrics.get(index).cloned().unwrap_or_else(|| "unknown".into())
    }
}
