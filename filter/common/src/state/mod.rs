//! What all workers of a process know together: Envoy's shared data.
//!
//! Every Envoy worker runs a VM of its own. What they must agree on (which
//! probe refreshes a cached answer, how many probes passed, whether a breaker
//! is open) stands in shared data, a process-wide map with compare-and-swap.
//! It has no deletion and no expiry, so keys must not grow in number: each rule
//! has [`Cells`] at a fixed number of keys.

mod bucket;
mod cell;
mod codec;
mod keeper;
mod lease;
mod notice;
mod record;
mod round;
mod shared;
pub mod sliding;

pub use bucket::Bucket;
pub use cell::{Cell, Cells, Scope, fingerprint, key};
pub use codec::{Decoder, Encoder};
pub use keeper::LeaseKeeper;
pub use lease::Lease;
pub use notice::Notice;
pub use round::Round;
pub use shared::Shared;

use crate::base::time::Instant;
use cell::Written;

/// A version of a value, for compare-and-swap.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Version(pub u32);

impl Version {
    /// Of a key that isn't there. Envoy takes any version for such a key, and
    /// counts real ones up from 1, so this one fits no key that is there: a
    /// write with it creates, or fails.
    pub const ABSENT: Self = Self(u32::MAX);

    /// Fits whatever is there: a write with it puts its value in the place of any other.
    pub const ANY: Self = Self(0);
}

/// Envoy's shared data.
pub trait SharedStore {
    /// A value and its version.
    fn read(&self, key: &str) -> Option<(Vec<u8>, Version)>;

    /// Writes a value if the key still has this version, and says whether it did.
    fn write(&self, key: &str, value: &[u8], version: Version) -> bool;
}

/// Shared data as it is met at one moment.
#[derive(Debug)]
pub struct Context<'a, S> {
    /// Where the states are.
    pub store: &'a S,
    /// The moment, by the clock that all VMs of the process share.
    pub now: Instant,
}

impl<'a, S> Context<'a, S> {
    /// Shared data at this moment.
    pub fn at(store: &'a S, now: Instant) -> Self {
        Self { store, now }
    }
}

// Derived they would ask the same of `S`.
impl<S> Clone for Context<'_, S> {
    fn clone(&self) -> Self {
        *self
    }
}

impl<S> Copy for Context<'_, S> {}

/// What a rule keeps in shared data.
pub trait State: Default {
    /// Its bytes.
    fn encode(&self, to: &mut Encoder);

    /// From its bytes; `None` where they aren't its own.
    fn decode(from: &mut Decoder<'_>) -> Option<Self>;

    /// Until when it is of use. After that others may have its room.
    fn expires(&self) -> Instant;

    /// Whether it gives way before that, the one that expires first before others,
    /// to the state of another scope that finds no room.
    fn yields(&self) -> bool {
        false
    }
}

/// Why a state could not be changed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum UpdateError {
    /// Others were faster, again and again.
    Contended,
    /// There is no room for it: that of its scope is taken by others that are in use.
    Occupied,
}

/// How often a contended write is tried again. Losing this often in a row means
/// that as many others have written meanwhile.
const ATTEMPTS: usize = 64;

/// What became of a state that was to be changed, and what was decided by it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Change<T> {
    /// It stays as it was.
    Keep(T),
    /// It is to be written.
    Write(T),
}

impl<T> Change<T> {
    /// Has a state written that has `changed`.
    pub fn write_if(changed: bool, decision: T) -> Self {
        if changed { Self::Write(decision) } else { Self::Keep(decision) }
    }
}

/// Changes a state: `change` sees what holds now and decides. It is called again when
/// another worker was faster.
///
/// # Errors
/// The state can't be kept, or could not be written however often it was tried.
pub fn update<S: State, T>(
    cx: Context<'_, impl SharedStore>,
    cell: &Cell,
    change: impl FnMut(&mut S) -> Change<T>,
) -> Result<T, UpdateError> {
    update_and_displace(cx, cell, change).map(|(decision, _)| decision)
}

/// The same; says also whether the state of another scope had to give way.
///
/// # Errors
/// As [`update`].
pub fn update_and_displace<S: State, T>(
    cx: Context<'_, impl SharedStore>,
    cell: &Cell,
    mut change: impl FnMut(&mut S) -> Change<T>,
) -> Result<(T, bool), UpdateError> {
    for _ in 0..ATTEMPTS {
        let mut slot = cell.load::<S>(cx.store);
        let decision = match change(&mut slot.state) {
            Change::Keep(decision) => return Ok((decision, false)),
            Change::Write(decision) => decision,
        };
        match slot.store(cx) {
            Written::Done { displaced } => return Ok((decision, displaced)),
            Written::Overtaken => {}
            Written::NoRoom => return Err(UpdateError::Occupied),
        }
    }
    Err(UpdateError::Contended)
}

#[cfg(any(test, feature = "fakes"))]
pub mod fake;
#[cfg(test)]
mod tests;
