//! Envoy's shared queues: messages from any VM of the process to one of them.
//!
//! A queue is known by its name and by the `vm_id` of the VM that registered it. The last VM
//! to register it is called for its messages, by `proxy_on_queue_ready`; those that nobody has
//! taken stay, also when that VM is gone. It has no bound of its own: whoever puts messages
//! in must know how many are in it.
//! <https://github.com/proxy-wasm/spec/tree/main/abi-versions/v0.2.1#shared-queue>
#![allow(unsafe_code)] // Calling the host is what this file is for.

use crate::abi::Status;
use crate::ids::QueueId;
use crate::imports::*;
use crate::values::value_of;

/// A shared queue.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Queue(QueueId);

impl Queue {
    /// Makes it, or takes it over with what is in it: from now on the present root context
    /// is called for its messages.
    pub fn register(name: &str) -> Option<Self> {
        let mut id = 0;
        // SAFETY: the slice and the output outlive the call.
        let status = unsafe { proxy_register_shared_queue(name.as_ptr(), name.len(), &mut id) };
        (status == Status::OK).then_some(Self(QueueId(id)))
    }

    /// That of another VM with this `vm_id`; `None` while nobody has registered it.
    pub fn resolve(vm_id: &[u8], name: &str) -> Option<Self> {
        let mut id = 0;
        // SAFETY: both slices and the output outlive the call.
        let status = unsafe {
            proxy_resolve_shared_queue(
                vm_id.as_ptr(),
                vm_id.len(),
                name.as_ptr(),
                name.len(),
                &mut id,
            )
        };
        (status == Status::OK).then_some(Self(QueueId(id)))
    }

    /// Its number, by which `proxy_on_queue_ready` names it.
    pub const fn id(self) -> QueueId {
        self.0
    }

    /// That with this number.
    pub const fn numbered(id: QueueId) -> Self {
        Self(id)
    }

    /// Puts a message in; returns whether it is.
    pub fn enqueue(self, message: &[u8]) -> bool {
        // SAFETY: the slice outlives the call.
        let status =
            unsafe { proxy_enqueue_shared_queue(self.0.0, message.as_ptr(), message.len()) };
        status == Status::OK
    }

    /// Takes the oldest message out; `None` where there is none.
    pub fn dequeue(self) -> Option<Vec<u8>> {
        // SAFETY: the outputs are `value_of`'s.
        value_of(|value, size| unsafe { proxy_dequeue_shared_queue(self.0.0, value, size) })
    }
}
