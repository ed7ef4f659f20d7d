//! Where what is known of services outlives the owner that knows it.
//!
//! Health is soft state: sources say it again and again. So the least backend keeps it in
//! the memory of the process, where the next owner finds it and the workers read it; what
//! is to survive the process, or to be shared by several, needs another.

use crate::shared::Keys;
use crate::snapshot::Snapshot;
use heartbeat_common::state::{SharedStore, Version};

/// Where what is known of services outlives the owner that knows it.
pub trait Backend {
    /// Keeps what is known of a service; says whether it is kept.
    fn keep(&self, service: &str, snapshot: &[u8]) -> bool;

    /// Shows what was kept of a service, where anything was that can be read.
    fn recall(&self, service: &str, show: &mut dyn FnMut(&Snapshot<'_>));
}

/// In Envoy's shared data: for as long as the process lives, and for all of its workers.
#[derive(Debug)]
pub struct InMemory<'a, S> {
    keys: &'a Keys,
    store: &'a S,
}

impl<'a, S: SharedStore> InMemory<'a, S> {
    /// At the keys of a hub.
    pub fn new(keys: &'a Keys, store: &'a S) -> Self {
        Self { keys, store }
    }
}

impl<S: SharedStore> Backend for InMemory<'_, S> {
    fn keep(&self, service: &str, snapshot: &[u8]) -> bool {
        self.store.write(&self.keys.snapshot(service), snapshot, Version::ANY)
    }

    fn recall(&self, service: &str, show: &mut dyn FnMut(&Snapshot<'_>)) {
        let kept = self.store.read(&self.keys.snapshot(service));
        let snapshot = kept.as_ref().and_then(|(bytes, _)| Snapshot::read(bytes));
        snapshot.iter().for_each(show);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::snapshot::{Head, write};
    use heartbeat_common::base::time::Instant;
    use heartbeat_common::state::fake::FakeStore;

    #[test]
    fn what_was_kept_is_recalled_and_nothing_else() {
        let (keys, store) = (Keys::of("hub"), FakeStore::default());
        let backend = InMemory::new(&keys, &store);
        let recalled = |service| {
            let mut recalled = None;
            backend.recall(service, &mut |it| recalled = Some(it.head.at));
            recalled
        };
        let head = Head {
            service: "payments",
            at: Instant(7),
            wall_ahead: 0,
            members: 1,
            sources: Vec::new(),
        };
        assert!(backend.keep("payments", &write(&head, [].into_iter())));
        assert_eq!((recalled("payments"), recalled("orders")), (Some(Instant(7)), None));
        assert!(backend.keep("payments", b"nothing that this module has written"));
        assert_eq!(recalled("payments"), None);
    }
}
