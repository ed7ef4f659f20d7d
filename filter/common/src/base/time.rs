//! Two clocks. Everything is decided by the one that runs steadily, however wall time
//! is set; wall time stands only in what people read.

use std::cell::Cell;
use std::ops::{Add, Sub};

/// How long something takes, in nanoseconds.
pub type Nanos = u64;

/// A moment of the host's monotonic clock, which all VMs of the process share:
/// nanoseconds since it began.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Instant(pub u64);

impl Instant {
    /// When the clock began: what has never been is said to have been then.
    pub const ZERO: Self = Self(0);
    /// A moment that never comes.
    pub const NEVER: Self = Self(u64::MAX);

    /// How long it is after an earlier moment; 0 where that is a later one, as another
    /// worker may have read the clock a little later.
    pub fn since(self, earlier: Self) -> Nanos {
        self.0.saturating_sub(earlier.0)
    }
}

/// The moment some time later.
impl Add<Nanos> for Instant {
    type Output = Self;

    fn add(self, later: Nanos) -> Self {
        Self(self.0.saturating_add(later))
    }
}

/// The moment some time before.
impl Sub<Nanos> for Instant {
    type Output = Self;

    fn sub(self, earlier: Nanos) -> Self {
        Self(self.0.saturating_sub(earlier))
    }
}

/// For this long the log needn't be told again what it was told once.
pub const HOUR: Nanos = 3_600_000_000_000;

/// A moment as people read it: nanoseconds since the Unix epoch.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct WallTime(pub u64);

/// Tells wall time by the monotonic clock: how far the one is ahead of the other. It may
/// be set, so that has to be looked at again.
#[derive(Debug, Default)]
pub struct WallClock {
    ahead: Cell<u64>,
    /// When it was looked at last.
    read: Cell<Option<Instant>>,
}

impl WallClock {
    /// Has wall time read where it was read more than a second ago.
    pub fn keep(&self, now: Instant, read: impl FnOnce() -> WallTime) {
        if self.read.get().is_none_or(|last| now.since(last) > 1_000_000_000) {
            self.read.set(Some(now));
            self.ahead.set(read().0.wrapping_sub(now.0));
        }
    }

    /// What wall time shows, or would have shown, at a moment of the monotonic clock.
    pub fn at(&self, moment: Instant) -> WallTime {
        WallTime(moment.0.wrapping_add(self.ahead.get()))
    }
}

/// A time in milliseconds, rounded, as metrics show it.
pub fn rounded_ms(took: Nanos) -> u64 {
    const MILLISECOND: Nanos = 1_000_000;
    took.saturating_add(MILLISECOND / 2) / MILLISECOND
}

/// A duration in nanoseconds.
pub fn nanos(duration: std::time::Duration) -> Nanos {
    u64::try_from(duration.as_nanos()).unwrap_or(u64::MAX)
}

/// A time as RFC 3339 writes it in UTC with milliseconds, such as
/// `2026-11-21T08:30:00.250Z`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Timestamp([u8; 24]);

impl Timestamp {
    /// Writes `time`. By hand, because `format!` would be most of the work of an answer.
    pub fn of(time: WallTime) -> Self {
        let millis = time.0 / 1_000_000;
        let seconds = millis / 1_000;
        // All of these fit into half as many bits, which is half the work.
        let (days, time) = ((seconds / 86_400) as u32, (seconds % 86_400) as u32);
        let millis = (millis % 1_000) as u32;
        let (year, month, day) = civil_from_days(days);
        let ([y0, y1], [y2, y3]) = (digits(year / 100), digits(year % 100));
        let ([m0, m1], [d0, d1]) = (digits(month), digits(day));
        let ([h0, h1], [n0, n1]) = (digits(time / 3_600), digits(time / 60 % 60));
        let ([s0, s1], [f0, f1], [_, f2]) =
            (digits(time % 60), digits(millis / 10), digits(millis % 10));
        Self([
            y0, y1, y2, y3, b'-', m0, m1, b'-', d0, d1, b'T', h0, h1, b':', n0, n1, b':', s0, s1,
            b'.', f0, f1, f2, b'Z',
        ])
    }

    /// The text, which is ASCII.
    pub fn as_bytes(&self) -> &[u8] {
        &self.0
    }
}

/// Writes `time` as a [`Timestamp`].
pub fn rfc3339(time: WallTime) -> String {
    String::from_utf8_lossy(Timestamp::of(time).as_bytes()).into_owned()
}

/// A number below 100, in two digits.
fn digits(number: u32) -> [u8; 2] {
    [b'0' + (number / 10) as u8, b'0' + (number % 10) as u8]
}

/// The Gregorian date of a day counted from 1970-01-01.
///
/// Counts from 0000-03-01, so that the leap day ends a year and every month
/// before it begins at a fixed day: `(153 × month + 2) / 5`.
fn civil_from_days(days: u32) -> (u32, u32, u32) {
    const DAYS_BEFORE_1970: u32 = 719_468; // since 0000-03-01
    const DAYS_IN_400_YEARS: u32 = 146_097;
    let days = days + DAYS_BEFORE_1970;
    let era = days / DAYS_IN_400_YEARS;
    let day_of_era = days % DAYS_IN_400_YEARS;
    let year_of_era =
        (day_of_era - day_of_era / 1_460 + day_of_era / 36_524 - day_of_era / 146_096) / 365;
    let day_of_year = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    let march_based_month = (5 * day_of_year + 2) / 153;
    let day = day_of_year - (153 * march_based_month + 2) / 5 + 1;
    let month = if march_based_month < 10 { march_based_month + 3 } else { march_based_month - 9 };
    let year = era * 400 + year_of_era + u32::from(month <= 2);
    (year, month, day)
}

#[cfg(test)]
mod tests {
    use super::*;
    #[cfg(all(target_arch = "wasm32", target_os = "unknown"))]
    use wasm_bindgen_test::wasm_bindgen_test as test;

    #[test]
    fn timestamps_are_rfc3339_in_utc() {
        for (seconds, expected) in [
            (0, "1970-01-01T00:00:00.000Z"),
            (951_782_400, "2000-02-29T00:00:00.000Z"),
            (1_709_251_199, "2024-02-29T23:59:59.000Z"),
            (4_102_444_800, "2100-01-01T00:00:00.000Z"),
            (4_107_542_400, "2100-03-01T00:00:00.000Z"),
        ] {
            assert_eq!(rfc3339(WallTime(seconds * 1_000_000_000)), expected);
        }
    }

    #[test]
    fn wall_time_is_read_once_a_second_and_may_be_set() {
        const SECOND: Nanos = 1_000_000_000;
        let clock = WallClock::default();
        let told = |now, wall| {
            clock.keep(Instant(now), || WallTime(wall));
            clock.at(Instant(now)).0
        };
        assert_eq!(told(5, 100), 100);
        assert_eq!(told(5 + SECOND, 7), 100 + SECOND, "not read");
        assert_eq!(told(6 + SECOND, 2), 2, "set back below the monotonic clock");
        assert_eq!(clock.at(Instant(7 + SECOND)), WallTime(3));
    }

    #[test]
    fn milliseconds_are_kept_and_finer_time_is_dropped() {
        assert_eq!(rfc3339(WallTime(1_250_999_999)), "1970-01-01T00:00:01.250Z");
    }

    #[test]
    fn the_last_instant_that_fits_is_written_too() {
        assert_eq!(rfc3339(WallTime(u64::MAX)), "2554-07-21T23:34:33.709Z");
    }
}
