//! What all workers share.
#![allow(unsafe_code)] // Calling the host is what this file is for.

use crate::abi::Status;
use crate::clock::now;
use crate::imports::*;
use crate::values::value_of;
use heartbeat_common::state::{Context, SharedStore, Version};

/// Envoy's shared data: one map for all workers.
pub struct SharedData;

impl SharedStore for SharedData {
    fn read(&self, key: &str) -> Option<(Vec<u8>, Version)> {
        let mut version = 0;
        // SAFETY: the slice and the version outlive the call; the other outputs
        // are `value_of`'s.
        let value = value_of(|value, size| unsafe {
            proxy_get_shared_data(key.as_ptr(), key.len(), value, size, &mut version)
        })?;
        Some((value, Version(version)))
    }

    fn write(&self, key: &str, value: &[u8], version: Version) -> bool {
        // SAFETY: both slices outlive the call.
        let status = unsafe {
            proxy_set_shared_data(key.as_ptr(), key.len(), value.as_ptr(), value.len(), version.0)
        };
        status == Status::OK
    }
}

/// Shared data as it is now.
pub fn shared() -> Context<'static, SharedData> {
    Context::at(&SharedData, now())
}
