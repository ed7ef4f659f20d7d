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
const MOST_RECYCLED: usize = 8 * 1024;

thread_local! {
    /// Nobody's just now.
    static RECYCLED: Cell<Vec<u8>> = const { Cell::new(Vec::new()) };
    /// What the present call may write to: an address, and how much room there is.
    static REUSED: Cell<(*mut u8, usize)> = const { Cell::new((null_mut(), 0)) };
}

/// Memory for a value that the host is about to hand over; null where there is none,
/// which the host takes for a refusal.
pub fn allocate(size: usize) -> *mut u8 {
    // What was lent is gone with the first value.
    let (lent, room) = REUSED.replace((null_mut(), 0));
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
/// may have what is recycled; `call` returns where the value is and how long, `None` where
/// there is none.
pub fn reuse(call: impl FnOnce() -> Option<(*mut u8, usize)>) -> Option<Vec<u8>> {
    let mut recycled = RECYCLED.take();
    REUSED.set((recycled.as_mut_ptr(), recycled.capacity()));
    let handed = call();
    REUSED.set((null_mut(), 0));
    let Some((data, size)) = handed else {
        RECYCLED.set(recycled);
        return None;
    };
    if data == recycled.as_mut_ptr() && size <= recycled.capacity() {
        // SAFETY: the host has filled so much of it, which is what it asked for.
        unsafe { recycled.set_len(size) };
        return Some(recycled);
    }
    RECYCLED.set(recycled);
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
pub fn recycle(mut value: Vec<u8>) {
    let known = RECYCLED.take();
    let better = known.capacity() < value.capacity() && value.capacity() <= MOST_RECYCLED;
    value.clear();
    RECYCLED.set(if better { value } else { known });
}
