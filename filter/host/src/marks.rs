//! What says which markers of a request are genuine.
#![allow(unsafe_code)] // Calling the host is what this file is for.

use crate::imports::*;
use crate::values::{property, value_of};

/// The property that says which markers of a request are genuine: filter state, which no
/// client can set, and which other VMs see.
const MARKS: &str = "heartbeat_marks";

/// `DeclarePropertyArguments` for it: its name, and a life as long as that of the request,
/// which goes on where Envoy follows a redirect.
/// <https://github.com/envoyproxy/envoy/blob/main/source/extensions/common/wasm/ext/declare_property.proto>
const MARKS_DECLARED: &[u8] = b"\x0a\x0fheartbeat_marks\x28\x01";

/// Says how long that property lives, for all streams of the root context that is being
/// configured.
pub fn declare_marks() {
    let (name, arguments) = ("declare_property", MARKS_DECLARED);
    // SAFETY: both slices outlive the call; the outputs are `value_of`'s.
    value_of(|value, size| unsafe {
        proxy_call_foreign_function(
            name.as_ptr(),
            name.len(),
            arguments.as_ptr(),
            arguments.len(),
            value,
            size,
        )
    });
}

/// Sets that property.
pub fn mark(marks: &[u8]) {
    // SAFETY: both slices outlive the call.
    unsafe { proxy_set_property(MARKS.as_ptr(), MARKS.len(), marks.as_ptr(), marks.len()) };
}

/// That property, as a request has it.
pub fn marks() -> Option<Vec<u8>> {
    property(&[MARKS])
}
