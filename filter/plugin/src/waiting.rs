//! Probes that wait for the answer to another one.
//!
//! The answer may come to any worker, and no worker can call another, so each
//! looks at the shared state while it has somebody waiting: once per tick and
//! answer, however many wait for it.

use crate::dispatch::StreamId;
use crate::host::{self, Request};
use crate::plugin::Plugin;
use crate::stream::SharedExchange;
use heartbeat_core::policy::forged_markers;
use heartbeat_core::{Decision, Reply};
use std::cell::RefCell;
use std::collections::{HashMap, VecDeque};
use std::rc::{Rc, Weak};
use std::time::Duration;

/// How often a worker with somebody waiting looks.
const TICK: Duration = Duration::from_millis(5);
/// How often it does while there are more to be answered than it may at once, and while
/// a call waits for a message that may never be shown.
const BUSY_TICK: Duration = Duration::from_millis(1);
/// How many it answers at once. Envoy sends the answers one inside the other,
/// each a call into the module that runs on top of the last: some hundreds of
/// them overflow the stack.
const BATCH: usize = 32;

/// The probes of one worker that wait, in the order of their arrival, by what
/// they wait for. A stream that ends drops its exchange, and with it its place.
#[derive(Default)]
pub struct Waiting(RefCell<HashMap<Vec<u8>, VecDeque<Waiter>>>);

struct Waiter {
    stream: StreamId,
    exchange: Weak<RefCell<heartbeat_core::Exchange>>,
    what: What,
}

/// What a probe waits for.
enum What {
    /// The answer to another one.
    Answer,
    /// Its own message; it had so many bytes before that.
    Message(u64),
    /// That it may have this answer.
    Turn(Reply),
}

impl Waiting {
    /// Adds a probe, whose request is paused.
    pub fn add(&self, stream: StreamId, exchange: &SharedExchange) {
        let Ok(known) = exchange.try_borrow() else { return };
        let key = known.waits_for().to_vec();
        self.push(key, stream, exchange, What::Answer);
    }

    /// Adds a paused call whose message Envoy may or may not show; its request had
    /// `head` bytes so far.
    pub fn add_unread(&self, stream: StreamId, exchange: &SharedExchange, head: u64) {
        self.push(own_key(stream), stream, exchange, What::Message(head));
    }

    /// Adds a probe that has its answer, but can't be given it yet (see
    /// [`host::is_calling`]).
    pub fn add_answered(&self, stream: StreamId, exchange: &SharedExchange, reply: Reply) {
        self.push(own_key(stream), stream, exchange, What::Turn(reply));
    }

    /// Whether a probe waits to be given its answer.
    pub fn has_answer_for(&self, stream: StreamId) -> bool {
        self.0.try_borrow().is_ok_and(|queues| queues.contains_key(&own_key(stream)))
    }

    fn push(&self, key: Vec<u8>, stream: StreamId, exchange: &SharedExchange, what: What) {
        let Ok(mut queues) = self.0.try_borrow_mut() else { return };
        if queues.is_empty() {
            let soon = matches!(what, What::Message(_));
            host::tick_every(Some(if soon { BUSY_TICK } else { TICK }));
        }
        let waiter = Waiter { stream, exchange: Rc::downgrade(exchange), what };
        queues.entry(key).or_default().push_back(waiter);
    }

    /// Whether nobody waits.
    pub fn is_empty(&self) -> bool {
        self.0.try_borrow().is_ok_and(|queues| queues.is_empty())
    }

    /// When to look where there was no time for it.
    pub fn soon(&self) -> Option<Duration> {
        (!self.is_empty()).then_some(BUSY_TICK)
    }

    /// Goes through all queues, until the first of each that goes on waiting, and
    /// says when to do so again; `None` where nobody waits.
    pub fn wake(&self, plugin: &Plugin) -> Option<Duration> {
        let Ok(mut queues) = self.0.try_borrow_mut() else { return Some(TICK) };
        let (mut left, mut unread_left) = (BATCH, BATCH);
        queues.retain(|_, queue| {
            while let Some(waiter) = queue.front() {
                // Of calls without a message there may be many; one that has one tells.
                let unread = usize::from(matches!(waiter.what, What::Message(_)));
                if left == 0 || (unread == 1 && unread_left == 0) {
                    return true;
                }
                unread_left -= unread;
                if waiter.still_waits(plugin) {
                    return true;
                }
                queue.pop_front();
                left -= 1;
            }
            false
        });
        if queues.is_empty() {
            queues.shrink_to_fit();
        }
        match left {
            _ if queues.is_empty() => None,
            0 => Some(BUSY_TICK),
            _ if unread_left < BATCH => Some(BUSY_TICK),
            _ => Some(TICK),
        }
    }
}

/// Where no other waits for the same.
fn own_key(stream: StreamId) -> Vec<u8> {
    stream.0.to_le_bytes().to_vec()
}

impl Waiter {
    /// Asks once more what becomes of the probe, and does it.
    fn still_waits(&self, plugin: &Plugin) -> bool {
        let Some(exchange) = self.exchange.upgrade() else { return false };
        let Ok(mut exchange) = exchange.try_borrow_mut() else { return false };
        let woken = host::on_behalf_of(self.stream, plugin.root, || {
            let (request, cx) = (Request::default(), host::shared());
            let decision = match &self.what {
                What::Answer => exchange.on_wake(&request, cx),
                // Its own callback goes on with it.
                What::Message(_) if plugin.body_access.is_visible() => return false,
                What::Message(_) if !exchange.is_call() && exchange.is_patient(cx.now) => {
                    return true;
                }
                What::Message(head)
                    if exchange.is_call() && !plugin.body_access.is_hidden(*head) =>
                {
                    return true;
                }
                What::Message(_) => exchange.without_message(&request, cx),
                What::Turn(reply) => {
                    drop(exchange);
                    host::reply(reply);
                    return false;
                }
            };
            plugin.show_signals_of(&mut exchange);
            match decision {
                Decision::Wait => return true,
                Decision::Reply(reply) => {
                    drop(exchange); // The reply comes back to it.
                    host::reply(&reply);
                }
                Decision::Forward(edits) => {
                    host::forward(&edits, exchange.take_marks());
                    if exchange.drops_request_body() {
                        host::drop_request_body();
                    }
                    host::continue_request();
                }
                Decision::NotAProbe => {
                    exchange.disown();
                    forged_markers(&request).for_each(host::remove_request_header);
                    host::continue_request();
                }
            }
            false
        });
        woken.unwrap_or(false)
    }
}
