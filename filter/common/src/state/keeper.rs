//! What one VM does on behalf of all, for as long as it is there.

use super::{Cell, Change, Context, Lease, SharedStore, update};
use crate::base::jitter::Jitter;
use crate::base::time::{Instant, Nanos};

/// One VM's part in a lease that one of all VMs is to have at any time: its holder renews
/// it, and the others look whether it has run out.
///
/// A VM that sleeps may believe to hold it for a while longer: what must never be done
/// twice is claimed by compare-and-swap on top.
#[derive(Debug)]
pub struct LeaseKeeper {
    token: u64,
    lease_for: Nanos,
    look_at: Instant,
    is_held: bool,
}

impl LeaseKeeper {
    /// A lease of `lease_for` nanoseconds, which this VM doesn't hold yet. `token` must
    /// differ from that of every other VM of the process.
    pub fn new(token: u64, lease_for: Nanos) -> Self {
        Self { token, lease_for, look_at: Instant::ZERO, is_held: false }
    }

    /// Tells this VM from all others.
    pub fn token(&self) -> u64 {
        self.token
    }

    /// Whether this VM has it, as far as it knows.
    pub fn is_held(&self) -> bool {
        self.is_held
    }

    /// When it is looked at again.
    pub fn look_at(&self) -> Instant {
        self.look_at
    }

    /// Looks at it where that is due: renews it, or takes it where nobody has it any more.
    pub fn look(&mut self, cell: &Cell, jitter: &mut Jitter, cx: Context<'_, impl SharedStore>) {
        let (token, lease_for) = (self.token, self.lease_for);
        // Whoever is awake shortly before needn't wake for it.
        let soon = if self.is_held { lease_for / 8 } else { 0 };
        if self.look_at > cx.now + soon {
            return;
        }
        let held = update::<Lease, _>(cx, cell, |lease| {
            let free = lease.belongs_to(token) || !lease.is_held(cx.now);
            if free {
                lease.grant(token, cx.now, lease_for);
            }
            Change::write_if(free, (free, lease.until()))
        });
        let (is_held, until) = held.unwrap_or((false, cx.now + lease_for));
        self.is_held = is_held;
        // Its holder renews it at half time; the others come a little after its end,
        // each at a moment of its own.
        self.look_at =
            if is_held { cx.now + lease_for / 2 } else { until + jitter.below(lease_for / 10) };
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::state::Cells;
    use crate::state::fake::FakeStore;
    #[cfg(all(target_arch = "wasm32", target_os = "unknown"))]
    use wasm_bindgen_test::wasm_bindgen_test as test;

    const NOW: Instant = Instant(1_000_000_000_000);
    const LEASE: Nanos = 1_000_000_000;
    const MS: Nanos = 1_000_000;

    /// Some VMs of a process.
    struct Vms {
        store: FakeStore,
        cell: Cell,
        vms: Vec<(LeaseKeeper, Jitter)>,
    }

    impl Vms {
        fn new(count: u64) -> Self {
            let cell = Cells::new("lease".into(), 1).scope(&[]);
            let vm = |number| (LeaseKeeper::new(number, LEASE), Jitter::new(number * 7_919));
            Self { store: FakeStore::default(), cell, vms: (1..=count).map(vm).collect() }
        }

        /// Has those VMs look that are awake.
        fn look(&mut self, awake: &[usize], now: Instant) {
            for place in awake {
                let (keeper, jitter) = &mut self.vms[*place];
                keeper.look(&self.cell, jitter, Context::at(&self.store, now));
            }
        }

        fn holders(&self) -> Vec<usize> {
            (0..self.vms.len()).filter(|place| self.vms[*place].0.is_held()).collect()
        }
    }

    #[test]
    fn the_first_that_looks_has_it_and_keeps_it() {
        let mut vms = Vms::new(3);
        for moment in 0..10_000 {
            vms.look(&[1, 0, 2], NOW + moment * MS);
            assert_eq!(vms.holders(), [1], "{moment}");
        }
    }

    #[test]
    fn its_holder_renews_it_at_half_time() {
        let mut vms = Vms::new(1);
        vms.look(&[0], NOW);
        assert_eq!(vms.vms[0].0.look_at(), NOW + LEASE / 2);
    }

    #[test]
    fn a_holder_that_is_awake_shortly_before_half_time_renews_it_along_with_that() {
        let (mut vms, soon) = (Vms::new(2), NOW + LEASE / 2 - LEASE / 8);
        vms.look(&[0, 1], NOW);
        let other = vms.vms[1].0.look_at();
        vms.look(&[0], soon - 1);
        assert_eq!(vms.vms[0].0.look_at(), NOW + LEASE / 2);
        vms.look(&[0], soon);
        assert_eq!(vms.vms[0].0.look_at(), soon + LEASE / 2);
        vms.look(&[1], other - 1);
        assert_eq!(vms.vms[1].0.look_at(), other, "it has nothing to renew");
    }

    #[test]
    fn others_look_a_little_after_its_end_each_at_a_moment_of_its_own() {
        let mut vms = Vms::new(3);
        vms.look(&[0, 1, 2], NOW);
        let [one, other] = [1, 2].map(|place: usize| vms.vms[place].0.look_at());
        for at in [one, other] {
            assert!(at >= NOW + LEASE && at < NOW + LEASE + LEASE / 10, "{at:?}");
        }
        assert_ne!(one, other);
    }

    #[test]
    fn when_its_holder_is_gone_another_takes_it_within_a_lease_and_a_tenth() {
        let mut vms = Vms::new(3);
        vms.look(&[0, 1, 2], NOW);
        let latest = NOW + LEASE + LEASE / 10;
        (0..=1_100).for_each(|moment| vms.look(&[1, 2], NOW + moment * MS));
        let taken: Vec<usize> = vms.holders().into_iter().filter(|place| *place != 0).collect();
        assert_eq!(taken.len(), 1, "{taken:?}");
        // The first one wakes, and sees that it is too late.
        vms.look(&[0], latest);
        assert_eq!(vms.holders(), taken);
    }

    #[test]
    fn one_that_can_not_be_written_is_not_held() {
        let mut vms = Vms::new(1);
        vms.look(&[0], NOW);
        vms.store.contended.set(usize::MAX);
        vms.look(&[0], NOW + LEASE / 2);
        assert!(vms.holders().is_empty());
        vms.store.contended.set(0);
        vms.look(&[0], NOW + 2 * LEASE);
        assert_eq!(vms.holders(), [0]);
    }
}
