//! Who does something on behalf of all.

use super::{Decoder, Encoder, State};
use crate::base::time::{Instant, Nanos};

/// A task that one probe does for all, such as fetching an answer. It is given
/// up after a time, in case the worker is gone that had it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Lease(Option<Holder>);

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Holder {
    token: u64,
    until: Instant,
}

impl Lease {
    /// Whether somebody has it.
    pub fn is_held(&self, now: Instant) -> bool {
        self.until() > now
    }

    /// Whether `token` has it.
    pub fn belongs_to(&self, token: u64) -> bool {
        self.0.is_some_and(|held| held.token == token)
    }

    /// Gives it to `token` for `lease_for` nanoseconds.
    pub fn grant(&mut self, token: u64, now: Instant, lease_for: Nanos) {
        self.0 = Some(Holder { token, until: now + lease_for });
    }

    /// Takes it back from `token`; says whether that had it.
    pub fn release(&mut self, token: u64) -> bool {
        let held = self.belongs_to(token);
        if held {
            self.0 = None;
        }
        held
    }

    /// Who had it last, and until when it is or was granted; `None` where it was given back.
    pub fn holder(&self) -> Option<(u64, Instant)> {
        self.0.map(|held| (held.token, held.until))
    }

    /// When it ends by itself; 0 where nobody has it.
    pub fn until(&self) -> Instant {
        self.0.map_or(Instant::ZERO, |held| held.until)
    }
}

impl State for Lease {
    fn encode(&self, to: &mut Encoder) {
        to.optional(self.0.as_ref(), |to, held| {
            to.number(held.token).instant(held.until);
        });
    }

    fn decode(from: &mut Decoder<'_>) -> Option<Self> {
        let held =
            from.optional(|from| Some(Holder { token: from.number()?, until: from.instant()? }));
        Some(Self(held?))
    }

    fn expires(&self) -> Instant {
        self.until()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    #[cfg(all(target_arch = "wasm32", target_os = "unknown"))]
    use wasm_bindgen_test::wasm_bindgen_test as test;

    const NOW: Instant = Instant(1_000_000_000_000);
    const LEASE: Nanos = 3_000_000_000;

    fn granted() -> Lease {
        let mut lease = Lease::default();
        lease.grant(1, NOW, LEASE);
        lease
    }

    #[test]
    fn a_worker_that_read_the_clock_a_moment_earlier_sees_it_held() {
        assert!(granted().is_held(NOW - 1));
    }

    #[test]
    fn it_ends_by_itself() {
        assert!(granted().is_held(NOW + LEASE - 1));
        assert!(!granted().is_held(NOW + LEASE));
    }

    #[test]
    fn only_its_owner_gives_it_back() {
        let mut lease = granted();
        assert!(!lease.release(2));
        assert!(lease.release(1));
        assert!(!lease.is_held(NOW));
    }
}
