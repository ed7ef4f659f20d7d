//! Which VMs serve, and how they are woken.

use heartbeat_common::base::time::{Instant, Nanos};
use heartbeat_common::state::{Decoder, Encoder, State};
use std::iter::Sum;

/// A worker that hasn't been seen for so long is gone: nobody empties its queue.
const GONE: Nanos = 5_000_000_000;
/// How often a worker is heard of that has no news: several times before it is gone.
const TELL: Nanos = 1_000_000_000;
/// How many there may be: far more than machines have cores.
const MOST: usize = 1_024;

/// What a worker does for readers: how many requests it holds back, for the most part.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Held {
    /// Clients that wait for another assignment.
    pub assignments: usize,
    /// Subscribers that wait for changes.
    pub subscriptions: usize,
    /// Of late it has read what is known of instances.
    pub reads: bool,
}

impl Held {
    /// All requests that are held back.
    pub fn all(self) -> usize {
        self.assignments + self.subscriptions
    }
}

impl Sum for Held {
    fn sum<I: Iterator<Item = Self>>(all: I) -> Self {
        all.fold(Self::default(), |sum, held| Self {
            assignments: sum.assignments + held.assignments,
            subscriptions: sum.subscriptions + held.subscriptions,
            reads: sum.reads || held.reads,
        })
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Worker {
    token: u64,
    queue: u32,
    seen: Instant,
    held: Held,
}

/// All workers.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Workers(Vec<Worker>);

impl Workers {
    /// A worker is there, and is woken by this queue. Says whether that is news: of one that
    /// holds what it held, others need not hear again and again.
    pub fn see(&mut self, token: u64, queue: u32, held: Held, now: Instant) -> bool {
        let is_known = |worker: &Worker| {
            let told = (worker.token, worker.queue, worker.held) == (token, queue, held);
            told && now.since(worker.seen) < TELL
        };
        if self.0.iter().any(is_known) {
            return false;
        }
        self.0.retain(|worker| worker.token != token && now.since(worker.seen) < GONE);
        if self.0.len() < MOST {
            self.0.push(Worker { token, queue, seen: now, held });
        }
        true
    }

    /// A worker goes.
    pub fn leave(&mut self, token: u64) {
        self.0.retain(|worker| worker.token != token);
    }

    /// The queues of those that are there.
    pub fn queues(&self, now: Instant) -> impl Iterator<Item = u32> {
        self.present(now).map(|worker| worker.queue)
    }

    /// What all of them do for readers.
    pub fn held(&self, now: Instant) -> Held {
        self.present(now).map(|worker| worker.held).sum()
    }

    /// The same of all but one.
    pub fn held_by_others(&self, token: u64, now: Instant) -> Held {
        let others = self.present(now).filter(|worker| worker.token != token);
        others.map(|worker| worker.held).sum()
    }

    fn present(&self, now: Instant) -> impl Iterator<Item = &Worker> {
        self.0.iter().filter(move |worker| now.since(worker.seen) < GONE)
    }
}

impl State for Workers {
    fn encode(&self, to: &mut Encoder) {
        to.number(self.0.len() as u64);
        for Worker { token, queue, seen, held } in &self.0 {
            to.number(*token).number(u64::from(*queue)).instant(*seen);
            to.number(held.assignments as u64).number(held.subscriptions as u64);
            to.number(u64::from(held.reads));
        }
    }

    fn decode(from: &mut Decoder<'_>) -> Option<Self> {
        let count = from.number()?.min(MOST as u64);
        let count_of = |number: Option<u64>| usize::try_from(number?).ok();
        let workers = (0..count).map(|_| {
            Some(Worker {
                token: from.number()?,
                queue: u32::try_from(from.number()?).ok()?,
                seen: from.instant()?,
                held: Held {
                    assignments: count_of(from.number())?,
                    subscriptions: count_of(from.number())?,
                    reads: from.number()? != 0,
                },
            })
        });
        Some(Self(workers.collect::<Option<_>>()?))
    }

    fn expires(&self) -> Instant {
        Instant::NEVER
    }
}
