//! Shared data of a process of its own.

use std::cell::RefCell;
use std::collections::HashMap;

use heartbeat_core::state::{SharedStore, Version};

/// Shared data, as Envoy keeps it. A copy goes its own way.
#[derive(Clone, Debug, Default)]
pub struct Store(RefCell<HashMap<String, (Vec<u8>, u32)>>);

impl SharedStore for Store {
    fn read(&self, key: &str) -> Option<(Vec<u8>, Version)> {
        let values = self.0.borrow();
        values.get(key).map(|(value, version)| (value.clone(), Version(*version)))
    }

    fn write(&self, key: &str, value: &[u8], version: Version) -> bool {
        let mut values = self.0.borrow_mut();
        let present = values.get(key).map(|(_, present)| *present);
        if present.is_some_and(|present| version != Version::ANY && version.0 != present) {
            return false;
        }
        let next = present.unwrap_or_default().wrapping_add(1);
        values.insert(key.to_owned(), (value.to_vec(), next));
        true
    }
}
