//! Which VM owns the table.

use heartbeat_common::base::time::{Instant, Nanos};
use heartbeat_common::state::{
    Change, Context, Decoder, Encoder, Lease, SharedStore, State, update,
};

use super::Keys;

/// How long a lease lasts. Posters are refused no longer than that when the owner is gone.
const LEASE: Nanos = 1_000_000_000;
/// How often it is looked at: several times while it lasts.
const LOOK: Nanos = 200_000_000;

/// A lease, and what its holder works by.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Ownership {
    lease: Lease,
    /// The configuration of its holder.
    configuration: u64,
    /// When that was put to work.
    configured: Instant,
}

impl Ownership {
    /// Whether there is an owner at work.
    pub fn is_held(&self, now: Instant) -> bool {
        self.lease.is_held(now)
    }
}

impl State for Ownership {
    fn encode(&self, to: &mut Encoder) {
        self.lease.encode(to);
        to.number(self.configuration).instant(self.configured);
    }

    fn decode(from: &mut Decoder<'_>) -> Option<Self> {
        let lease = Lease::decode(from)?;
        Some(Self { lease, configuration: from.number()?, configured: from.instant()? })
    }

    fn expires(&self) -> Instant {
        self.lease.expires()
    }
}

/// A VM that may own the table.
#[derive(Debug)]
pub struct Candidate {
    /// Tells it from all others of the process.
    token: u64,
    configuration: u64,
    configured: Instant,
    look_at: Instant,
    owns: bool,
}

impl Candidate {
    /// One that was configured just now. `configuration` is the same number for VMs with
    /// the same configuration.
    pub fn new(token: u64, configuration: u64, now: Instant) -> Self {
        Self { token, configuration, configured: now, look_at: Instant::ZERO, owns: false }
    }

    /// Whether it owns the table. Looks where that is due: its holder renews a lease well
    /// before it ends, and a newer configuration takes it from an older one at once.
    pub fn look(&mut self, keys: &Keys, cx: Context<'_, impl SharedStore>) -> bool {
        if self.look_at > cx.now {
            return self.owns;
        }
        self.look_at = cx.now + LOOK;
        let held = update::<Ownership, _>(cx, &keys.owner, |held| {
            let mine = held.lease.belongs_to(self.token);
            let newer =
                held.configuration != self.configuration && self.configured > held.configured;
            let takes = mine || newer || !held.lease.is_held(cx.now);
            if takes {
                held.lease.grant(self.token, cx.now, LEASE);
                (held.configuration, held.configured) = (self.configuration, self.configured);
            }
            Change::write_if(takes, takes)
        });
        // Where it couldn't be written, nobody knows that it owns anything.
        self.owns = held.unwrap_or(false);
        self.owns
    }

    /// When it is to look again.
    pub fn next(&self) -> Instant {
        self.look_at
    }

    /// Leaves the table to others.
    pub fn resign(&mut self, keys: &Keys, cx: Context<'_, impl SharedStore>) {
        self.owns = false;
        // If that fails, the lease ends by itself.
        let _ = update::<Ownership, _>(cx, &keys.owner, |held| {
            Change::write_if(held.lease.release(self.token), ())
        });
    }
}
