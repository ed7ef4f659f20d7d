//! Whether there is room for a post, and somebody to take it.
//!
//! What a post must know stands in shared data, which costs a call to Envoy each time. So a
//! worker keeps for a moment what it has read, and takes some of a source's requests ahead
//! where there are many.

use crate::api::Problem;
use crate::shared::{Keys, Ownership, Traffic};
use crate::table::SourceId;
use heartbeat_common::base::time::{Instant, Nanos};
use heartbeat_common::base::units::Rate;
use heartbeat_common::state::{Bucket, Cell, Change, Context, SharedStore, State, update};
use std::rc::Rc;

/// How much may be on its way to the owner, in bytes: more than it takes in a second.
pub const MOST_ON_ITS_WAY: u64 = 4 * 1_024 * 1_024;
/// How long it holds that there was room; what is put is held to the limit all the same.
const ROOM_HOLDS: Nanos = 100_000_000;

/// What a worker knows of it.
#[derive(Debug)]
pub struct Admission {
    keys: Rc<Keys>,
    rate: Rate,
    sources: Vec<Requests>,
    /// Until when the owner's lease is known to last. One that resigns before leaves its queue
    /// to the next.
    owned_until: Instant,
    /// How much was on its way, and when.
    on_its_way: (u64, Instant),
}

/// How many requests a source may make.
#[derive(Debug)]
struct Requests {
    bucket: Cell,
    /// How many of them this worker has taken ahead.
    left: u32,
}

impl Admission {
    /// Of sources with these names.
    pub fn new<'a>(keys: &Rc<Keys>, rate: Rate, sources: impl Iterator<Item = &'a str>) -> Self {
        let sources = sources.map(|name| Requests { bucket: keys.rate(name), left: 0 });
        Self {
            keys: Rc::clone(keys),
            rate,
            sources: sources.collect(),
            owned_until: Instant::ZERO,
            on_its_way: (0, Instant::ZERO),
        }
    }

    /// Admits a source's request.
    ///
    /// # Errors
    /// It has made too many, nobody owns the table, or the owner can't keep up.
    pub fn admit(
        &mut self,
        source: SourceId,
        cx: Context<'_, impl SharedStore>,
    ) -> Result<(), Problem> {
        if !self.take_request(source, cx) {
            let words =
                "too many requests of this source (\"limits.rate\"): put more events into each";
            return Err(Problem::new(429, words));
        }
        if self.owned_until <= cx.now {
            self.owned_until = self.keys.owner.read::<Ownership>(cx.store).expires();
        }
        if self.owned_until <= cx.now {
            return Err(unowned());
        }
        let (mut waits, at) = self.on_its_way;
        if at + ROOM_HOLDS <= cx.now {
            waits = self.keys.traffic.read::<Traffic>(cx.store).waits();
            self.on_its_way = (waits, cx.now);
        }
        if waits > MOST_ON_ITS_WAY { Err(overrun()) } else { Ok(()) }
    }

    /// Where shared data can't be written the request is let through: what is put is limited.
    fn take_request(&mut self, source: SourceId, cx: Context<'_, impl SharedStore>) -> bool {
        let Some(requests) = self.sources.get_mut(source.0) else { return true };
        if requests.left == 0 {
            let taken = update::<Bucket, _>(cx, &requests.bucket, |bucket| {
                let taken = bucket.take_ahead(self.rate, cx.now);
                Change::write_if(taken > 0, taken)
            });
            requests.left = taken.unwrap_or(1);
        }
        let is_left = requests.left > 0;
        requests.left = requests.left.saturating_sub(1);
        is_left
    }

    /// So many bytes are about to be put into the owner's queue.
    ///
    /// # Errors
    /// There is no room for them, or the owner can't be told.
    pub fn put(&mut self, bytes: usize, cx: Context<'_, impl SharedStore>) -> Result<(), Problem> {
        let put = update::<Traffic, _>(cx, &self.keys.traffic, |traffic| {
            let waits = traffic.waits();
            let has_room = waits <= MOST_ON_ITS_WAY;
            if has_room {
                traffic.put = traffic.put.saturating_add(bytes as u64);
            }
            Change::write_if(has_room, waits)
        });
        let waits = put.map_err(|_| unowned())?;
        self.on_its_way = (waits, cx.now);
        if waits > MOST_ON_ITS_WAY { Err(overrun()) } else { Ok(()) }
    }
}

/// What is answered where the owner can't be reached.
pub fn unowned() -> Problem {
    Problem::new(503, "nobody owns the table just now")
}

fn overrun() -> Problem {
    Problem::new(503, "more has come than the hub can take in")
}
