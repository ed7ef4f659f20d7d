//! Values that the host hands over.
#![allow(unsafe_code)] // Calling the host is what this file is for.

use crate::abi::{BufferType, MapType, Status};
use crate::imports::*;
use crate::memory;
use std::ptr::null_mut;

/// Asks for a value that the host hands over in memory that it has us allocate.
///
/// `call` must be a host call that writes the address and size of such memory,
/// or neither.
pub fn value_of(call: impl FnOnce(*mut *mut u8, *mut usize) -> Status) -> Option<Vec<u8>> {
    place_of(call).map(|(data, size)| memory::own(data, size))
}

/// Where the host has put that value.
fn place_of(call: impl FnOnce(*mut *mut u8, *mut usize) -> Status) -> Option<(*mut u8, usize)> {
    let mut data: *mut u8 = null_mut();
    let mut size = 0;
    (call(&mut data, &mut size) == Status::OK).then_some((data, size))
}

pub fn header(map: MapType, name: &str) -> Option<Vec<u8>> {
    // SAFETY: both slices outlive the call; the outputs are `value_of`'s.
    value_of(|value, size| unsafe {
        proxy_get_header_map_value(map, name.as_ptr(), name.len(), value, size)
    })
}

/// All headers of a message, as the ABI writes them, in memory that may be recycled.
pub fn headers(map: MapType) -> Vec<u8> {
    // SAFETY: the outputs are `place_of`'s.
    let call = || place_of(|value, size| unsafe { proxy_get_header_map_pairs(map, value, size) });
    memory::reuse(call).unwrap_or_default()
}

/// A property of Envoy's.
/// <https://www.envoyproxy.io/docs/envoy/latest/intro/arch_overview/advanced/attributes>
pub fn property(path: &[&str]) -> Option<Vec<u8>> {
    let path = path.join("\0");
    // SAFETY: the slice outlives the call; the outputs are `value_of`'s.
    value_of(|value, size| unsafe { proxy_get_property(path.as_ptr(), path.len(), value, size) })
}

/// A property that is a number, or a duration in nanoseconds.
pub fn number(path: &[&str]) -> Option<u64> {
    property(path)?.first_chunk().map(|number| u64::from_le_bytes(*number))
}

/// The first bytes of what the host holds, as many as there are.
pub fn buffer(buffer: BufferType, size: usize) -> Vec<u8> {
    buffer_from(buffer, 0, size)
}

/// The same from `start` on.
#[inline] // Most start at 0.
pub fn buffer_from(buffer: BufferType, start: usize, size: usize) -> Vec<u8> {
    // SAFETY: the outputs are `value_of`'s.
    value_of(|value, len| unsafe { proxy_get_buffer_bytes(buffer, start, size, value, len) })
        .unwrap_or_default()
}
