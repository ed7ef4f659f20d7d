//! Probes that wait for the answer to another one.
//!
//! The answer may come to any worker, and no worker can call another, so each
//! looks at the shared state while it has somebody waiting: once per tick and
//! answer, however many wait for it.

use crate::host::{self, Request, SharedData, StreamId};
use crate::plugin::Plugin;
use crate::stream::SharedExchange;
use heartbeat_core::Decision;
use std::cell::RefCell;
use std::collections::{HashMap, VecDeque};
use std::rc::{Rc, Weak};
use std::time::Duration;

/// How often a worker with somebody waiting looks.
const TICK: Duration = Duration::from_millis(5);
/// How often it does while there are more to be answered than it may at once.
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
}

impl Waiting {
    /// Adds a probe, whose request is paused.
    pub fn add(&self, stream: StreamId, exchange: &SharedExchange) {
        let (Ok(mut queues), Ok(known)) = (self.0.try_borrow_mut(), exchange.try_borrow()) else {
            return;
        };
        if queues.is_empty() {
            host::tick_every(Some(TICK));
        }
        let waiter = Waiter { stream, exchange: Rc::downgrade(exchange) };
        queues.entry(known.waits_for().to_vec()).or_default().push_back(waiter);
    }

    /// Goes through all queues, until the first of each that goes on waiting, and
    /// says when to do so again; `None` where nobody waits.
    pub fn wake(&self, plugin: &Plugin) -> Option<Duration> {
        let Ok(mut queues) = self.0.try_borrow_mut() else { return Some(TICK) };
        let mut left = BATCH;
        queues.retain(|_, queue| {
            while let Some(waiter) = queue.front() {
                if left == 0 || waiter.still_waits(plugin) {
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
            _ => Some(TICK),
        }
    }
}

impl Waiter {
    /// Asks once more what becomes of the probe, and does it.
    fn still_waits(&self, plugin: &Plugin) -> bool {
        let Some(exchange) = self.exchange.upgrade() else { return false };
        let Ok(mut exchange) = exchange.try_borrow_mut() else { return false };
        let woken = host::on_behalf_of(self.stream, || {
            let decision = exchange.on_wake(&Request, &SharedData, host::now());
            plugin.show_signals_of(&mut exchange);
            match decision {
                Decision::Wait => return true,
                Decision::Reply(reply) => host::reply(&reply),
                Decision::Forward(edits) => {
                    host::edit_request(&edits);
                    host::continue_request();
                }
                Decision::NotAProbe => host::continue_request(),
            }
            false
        });
        woken.unwrap_or(false)
    }
}
