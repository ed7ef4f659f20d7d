//! Memory for the values that the host hands over.
//!
//! The host asks for memory for each of them, in the middle of the call that returns it.
//! The headers of a request are read of every request, so what the last ones took is
//! kept for the next: an ordinary request allocates nothing.
#![allow(unsafe_code)] // The host has the address of the memory, and nobody else.

use std::alloc::{Layout, alloc};
use std::cell::Cell;
use std::ptr::{dangling_mut, null_mut};

/// The most that is kept, in bytes. Headers take more than that where somebody means to.
const MOST_SPARED: usize = 8 * 1024;

thread_local! {
    /// Nobody's just now.
    static SPARED: Cell<Vec<u8>> = const { Cell::new(Vec::new()) };
    /// What the present call may write to: an address, and how much room there is.
    static LENT: Cell<(*mut u8, usize)> = const { Cell::new((null_mut(), 0)) };
}

/// Memory for a value that the host is about to hand over; null where there is none,
/// which the host takes for a refusal.
pub fn allocate(size: usize) -> *mut u8 {
    // What was lent is gone with the first value.
    let (lent, room) = LENT.replace((null_mut(), 0));
    if (1..=room).contains(&size) {
        return lent;
    }
    match Layout::array::<u8>(size) {
        Ok(layout) if size > 0 => {
            // SAFETY: the layout has a size.
            unsafe { alloc(layout) }
        }
        Ok(_) => dangling_mut(),
        Err(_) => null_mut(),
    }
}

/// Runs a host call that hands over a value in memory from [`allocate`], for which it
/// may have what is spare; `call` returns where the value is and how long, `None` where
/// there is none.
pub fn lend(call: impl FnOnce() -> Option<(*mut u8, usize)>) -> Option<Vec<u8>> {
    let mut spare = SPARED.take();
    LENT.set((spare.as_mut_ptr(), spare.capacity()));
    let handed = call();
    LENT.set((null_mut(), 0));
    let Some((data, size)) = handed else {
        SPARED.set(spare);
        return None;
    };
    if data == spare.as_mut_ptr() && size <= spare.capacity() {
        // SAFETY: the host has filled so much of it, which is what it asked for.
        unsafe { spare.set_len(size) };
        return Some(spare);
    }
    SPARED.set(spare);
    Some(own(data, size))
}

/// The value that the host has written to memory from [`allocate`].
pub fn own(data: *mut u8, size: usize) -> Vec<u8> {
    if data.is_null() {
        return Vec::new();
    }
    // SAFETY: the host got `data` from `allocate(size)`, and has filled it.
    unsafe { Vec::from_raw_parts(data, size, size) }
}

/// Keeps the memory of a value that is no longer needed, or what is kept already where
/// that is more.
pub fn spare(mut value: Vec<u8>) {
    let known = SPARED.take();
    let better = known.capacity() < value.capacity() && value.capacity() <= MOST_SPARED;
    value.clear();
    SPARED.set(if better { value } else { known });
}
