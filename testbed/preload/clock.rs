//! A clock that can be set for one process: a library for `LD_PRELOAD`, made by
//! `scripts/clock.sh`. The file that `TESTBED_CLOCK` names holds by how many seconds wall
//! time is off; the other clocks go on as ever, as on a machine whose time is set.
//!
//! Debian's libfaketime does the same and more, but hangs Envoy: it allocates before
//! Envoy's allocator, which looks at the clock when it begins, is ready. So nothing here
//! allocates or looks a symbol up.

use std::ffi::{c_char, c_int, c_long};

#[repr(C)]
pub struct Timespec {
    seconds: i64,
    nanoseconds: c_long,
}

#[repr(C)]
pub struct Timeval {
    seconds: i64,
    microseconds: c_long,
}

unsafe extern "C" {
    fn syscall(number: c_long, ...) -> c_long;
    fn getenv(name: *const c_char) -> *const c_char;
    fn open(path: *const c_char, flags: c_int, ...) -> c_int;
    fn read(file: c_int, buffer: *mut u8, size: usize) -> isize;
    fn close(file: c_int) -> c_int;
}

#[cfg(target_arch = "x86_64")]
const CLOCK_GETTIME: c_long = 228;
#[cfg(target_arch = "aarch64")]
const CLOCK_GETTIME: c_long = 113;
/// Wall time, and what is the same but coarser.
const REALTIME: [c_int; 2] = [0, 5];

/// By how many seconds wall time is off; 0 where nobody says so.
fn offset() -> i64 {
    let mut text = [0; 24];
    // SAFETY: the path is the environment's, which is not changed; the buffer outlives
    // the call.
    let size = unsafe {
        let path = getenv(c"TESTBED_CLOCK".as_ptr());
        let file = if path.is_null() { -1 } else { open(path, 0) };
        if file < 0 {
            return 0;
        }
        let size = read(file, text.as_mut_ptr(), text.len());
        close(file);
        size
    };
    let text = usize::try_from(size).ok().and_then(|size| text.get(..size));
    let text = text.and_then(|text| std::str::from_utf8(text).ok());
    text.and_then(|text| text.parse().ok()).unwrap_or(0)
}

/// # Safety
/// As clock_gettime(2).
#[unsafe(no_mangle)]
pub unsafe extern "C" fn clock_gettime(clock: c_int, time: *mut Timespec) -> c_int {
    // SAFETY: the caller's.
    unsafe {
        let result = syscall(CLOCK_GETTIME, clock, time);
        if result == 0 && REALTIME.contains(&clock) {
            (*time).seconds += offset();
        }
        result as c_int
    }
}

/// # Safety
/// As gettimeofday(2).
#[unsafe(no_mangle)]
pub unsafe extern "C" fn gettimeofday(time: *mut Timeval, _zone: *mut u8) -> c_int {
    let mut now = Timespec { seconds: 0, nanoseconds: 0 };
    // SAFETY: `now` outlives the call; `time` is the caller's.
    unsafe {
        let result = clock_gettime(0, &mut now);
        *time = Timeval { seconds: now.seconds, microseconds: now.nanoseconds / 1_000 };
        result
    }
}

/// # Safety
/// As time(2).
#[unsafe(no_mangle)]
pub unsafe extern "C" fn time(time: *mut i64) -> i64 {
    let mut now = Timespec { seconds: 0, nanoseconds: 0 };
    // SAFETY: `now` outlives the call; `time` is the caller's, and may be null.
    unsafe {
        clock_gettime(0, &mut now);
        if let Some(time) = time.as_mut() {
            *time = now.seconds;
        }
    }
    now.seconds
}
