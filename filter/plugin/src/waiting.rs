//! Streams that wait for something else than their own callbacks.
//!
//! What they wait for may come to any worker, and no worker can call another, so each
//! looks at them while it has any: once per tick and answer, however many wait for it.

use heartbeat_core::Reply;
use heartbeat_core::base::time::Instant;
use heartbeat_host as host;
use heartbeat_host::ids::StreamId;
use std::cell::RefCell;
use std::collections::VecDeque;
use std::mem;
use std::time::Duration;

/// How often a worker with somebody waiting looks.
const TICK: Duration = Duration::from_millis(5);
/// How often it does while there are more to be answered than it may at once, and while
/// a call waits for a message that may never be shown.
const BUSY_TICK: Duration = Duration::from_millis(1);
/// How often it looks at most whether a call is overdue.
const OVERDUE_TICK: Duration = Duration::from_millis(50);
/// How many it answers at once. Envoy sends the answers one inside the other,
/// each a call into the module that runs on top of the last: some hundreds of
/// them overflow the stack.
const BATCH: usize = 32;

/// What a stream waits for.
pub enum Cause {
    /// The answer that another probe fetches.
    Fetched,
    /// Its own message; it had so many bytes before that.
    Message(u64),
    /// That it may have this answer (see [`host::is_calling`]).
    Turn(Reply),
    /// The moment from which it is overdue. Most are over by then, and known no more.
    Overdue,
}

/// What came of looking at a stream.
pub enum Looked {
    /// It waits no more.
    Done,
    /// It goes on waiting.
    Waits,
    /// It isn't overdue before this moment.
    Until(Instant),
}

/// Those that wait for the same.
type Queue = (Vec<u8>, VecDeque<(StreamId, Cause)>);

/// The streams of one worker that wait.
#[derive(Default)]
pub struct Waiting {
    /// In the order of their arrival, by what they wait for, sorted.
    queues: RefCell<Vec<Queue>>,
    /// Those that have come since they were looked at.
    added: RefCell<Vec<(Vec<u8>, StreamId, Cause)>>,
    /// When which stream may be overdue.
    bounds: RefCell<Vec<(Instant, StreamId)>>,
}

impl Waiting {
    /// Adds a stream that waits for what others with the same key wait for.
    pub fn add(&self, key: &[u8], stream: StreamId) {
        self.push(key.to_vec(), stream, Cause::Fetched);
    }

    /// Adds a stream that waits alone.
    pub fn add_alone(&self, stream: StreamId, cause: Cause) {
        // In the order of their arrival, so that adding one moves no other.
        self.push(stream.0.to_be_bytes().to_vec(), stream, cause);
    }

    fn push(&self, key: Vec<u8>, stream: StreamId, cause: Cause) {
        let Ok(mut added) = self.added.try_borrow_mut() else { return };
        let first = self.queues.try_borrow().is_ok_and(|queues| queues.is_empty());
        if first && added.is_empty() {
            let soon = matches!(cause, Cause::Message(_));
            host::tick_every(Some(if soon { BUSY_TICK } else { TICK }));
        }
        added.push((key, stream, cause));
    }

    /// Has a stream looked at when it may be overdue.
    pub fn bound(&self, until: Instant, stream: StreamId) {
        let Ok(mut bounds) = self.bounds.try_borrow_mut() else { return };
        if bounds.is_empty() {
            host::tick_every(Some(TICK));
        }
        bounds.push((until, stream));
    }

    /// Has a stream bounded no more: mostly the last one that was.
    pub fn unbound(&self, stream: StreamId) {
        let Ok(mut bounds) = self.bounds.try_borrow_mut() else { return };
        if let Some(place) = bounds.iter().rposition(|(_, known)| *known == stream) {
            bounds.swap_remove(place);
        }
    }

    /// Whether none waits.
    pub fn is_empty(&self) -> bool {
        self.soon().is_none()
    }

    /// When to look where there was no time for it; `None` where none waits.
    pub fn soon(&self) -> Option<Duration> {
        let queues = self.queues.try_borrow().is_ok_and(|queues| !queues.is_empty());
        let added = self.added.try_borrow().is_ok_and(|added| !added.is_empty());
        let bounds = self.bounds.try_borrow().is_ok_and(|bounds| !bounds.is_empty());
        (queues || added).then_some(BUSY_TICK).or(bounds.then_some(TICK))
    }

    /// Has `look` look at those that are overdue, and through each queue until the first
    /// that goes on waiting; at so many as may be answered at once. Says when to do so
    /// again; `None` where none waits.
    pub fn look(
        &self,
        now: Instant,
        mut look: impl FnMut(StreamId, &Cause) -> Looked,
    ) -> Option<Duration> {
        let Ok(mut queues) = self.queues.try_borrow_mut() else { return Some(TICK) };
        for (key, stream, cause) in self.take_added(now) {
            let place = queues.binary_search_by(|(known, _)| known.cmp(&key));
            if let Err(place) = place {
                queues.insert(place, (key, VecDeque::new()));
            }
            if let Some((_, queue)) = queues.get_mut(place.unwrap_or_else(|place| place)) {
                queue.push_back((stream, cause));
            }
        }
        let (mut left, mut unread_left) = (BATCH, BATCH);
        queues.retain_mut(|(_, queue)| {
            while let Some((stream, cause)) = queue.front() {
                // Of calls without a message there may be many; one that has one tells.
                let unread = usize::from(matches!(cause, Cause::Message(_)));
                if left == 0 || (unread == 1 && unread_left == 0) {
                    return true;
                }
                unread_left -= unread;
                match look(*stream, cause) {
                    Looked::Waits => return true,
                    Looked::Until(until) => self.bound(until, *stream),
                    Looked::Done => left -= 1,
                }
                queue.pop_front();
            }
            false
        });
        if queues.is_empty() {
            queues.shrink_to_fit();
        }
        let waits = !queues.is_empty() || self.added.try_borrow().is_ok_and(|it| !it.is_empty());
        let busy = left == 0 || unread_left < BATCH;
        let next = waits.then_some(if busy { BUSY_TICK } else { TICK });
        next.into_iter().chain(self.next_bound(now)).min()
    }

    /// Those that have come, and those that are overdue.
    fn take_added(&self, now: Instant) -> Vec<(Vec<u8>, StreamId, Cause)> {
        let Ok(mut added) = self.added.try_borrow_mut() else { return Vec::new() };
        let mut added = mem::take(&mut *added);
        if let Ok(mut bounds) = self.bounds.try_borrow_mut() {
            bounds.retain(|&(until, stream)| {
                let keep = until > now;
                if !keep {
                    added.push((Vec::new(), stream, Cause::Overdue));
                }
                keep
            });
        }
        added
    }

    fn next_bound(&self, now: Instant) -> Option<Duration> {
        let next = self.bounds.try_borrow().ok()?.iter().map(|(until, _)| *until).min()?;
        Some(OVERDUE_TICK.max(Duration::from_nanos(next.since(now))))
    }
}
