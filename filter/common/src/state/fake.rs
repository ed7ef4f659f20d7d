//! Shared data in a test.

use super::{SharedStore, Version};
use std::cell::{Cell, RefCell};
use std::collections::BTreeMap;

/// Shared data as Envoy has it: any version is taken for a key that isn't there.
#[derive(Debug, Default)]
pub struct FakeStore {
    values: RefCell<BTreeMap<String, (Vec<u8>, u32)>>,
    written: Cell<u32>,
    /// Writes still to be refused, as if another worker had been faster.
    pub contended: Cell<usize>,
}

impl FakeStore {
    /// The keys that something was written to.
    pub fn keys(&self) -> Vec<String> {
        self.values.borrow().keys().cloned().collect()
    }
}

impl SharedStore for FakeStore {
    fn read(&self, key: &str) -> Option<(Vec<u8>, Version)> {
        let values = self.values.borrow();
        values.get(key).map(|(value, version)| (value.clone(), Version(*version)))
    }

    fn write(&self, key: &str, value: &[u8], version: Version) -> bool {
        if self.contended.get() > 0 {
            self.contended.set(self.contended.get() - 1);
            return false;
        }
        let mut values = self.values.borrow_mut();
        if values
            .get(key)
            .is_some_and(|(_, present)| version != Version::ANY && *present != version.0)
        {
            return false;
        }
        self.written.set(self.written.get() + 1);
        values.insert(key.to_owned(), (value.to_vec(), self.written.get()));
        true
    }
}
