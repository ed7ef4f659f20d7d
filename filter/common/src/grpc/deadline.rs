//! `grpc-timeout`: the caller's own deadline.

use std::time::Duration;

/// Reads a `grpc-timeout`: up to eight digits and a unit.
///
/// Anything else is `None`: what an ill-formed deadline means is the
/// application's to say.
pub fn parse_timeout(value: &[u8]) -> Option<Duration> {
    let (&unit, digits) = value.split_last()?;
    if digits.is_empty() || digits.len() > 8 || !digits.iter().all(u8::is_ascii_digit) {
        return None;
    }
    let number: u64 = std::str::from_utf8(digits).ok()?.parse().ok()?;
    match unit {
        b'H' => Some(Duration::from_secs(number * 3_600)),
        b'M' => Some(Duration::from_secs(number * 60)),
        b'S' => Some(Duration::from_secs(number)),
        b'm' => Some(Duration::from_millis(number)),
        b'u' => Some(Duration::from_micros(number)),
        b'n' => Some(Duration::from_nanos(number)),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    #[cfg(all(target_arch = "wasm32", target_os = "unknown"))]
    use wasm_bindgen_test::wasm_bindgen_test as test;

    #[test]
    fn every_unit_is_understood() {
        for (value, expected) in [
            ("1H", Duration::from_secs(3_600)),
            ("2M", Duration::from_secs(120)),
            ("3S", Duration::from_secs(3)),
            ("4m", Duration::from_millis(4)),
            ("5u", Duration::from_micros(5)),
            ("99999999n", Duration::from_nanos(99_999_999)),
        ] {
            assert_eq!(parse_timeout(value.as_bytes()), Some(expected), "{value}");
        }
    }

    #[test]
    fn an_ill_formed_deadline_is_none() {
        for value in [&b""[..], b"S", b"3", b"3s", b"999999999S", b"-1S", b"1.5S", b"\xffS"] {
            assert_eq!(parse_timeout(value), None, "{value:?}");
        }
    }
}
