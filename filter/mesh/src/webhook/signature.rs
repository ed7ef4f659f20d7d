//! The signature of a body.

use hmac::{Hmac, KeyInit as _, Mac as _};
use sha2::Sha256;

/// HMAC-SHA-256 of a body (RFC 2104), as its header says it: `sha256=` and 64 hexadecimal
/// digits.
pub fn signature(key: &str, body: &[u8]) -> String {
    // A key of any length is one.
    let Ok(mut mac) = Hmac::<Sha256>::new_from_slice(key.as_bytes()) else { return String::new() };
    mac.update(body);
    let digit = |value: u8| char::from_digit(u32::from(value), 16).unwrap_or_default();
    let mut signature = "sha256=".to_owned();
    for byte in mac.finalize().into_bytes() {
        signature.extend([digit(byte >> 4), digit(byte & 15)]);
    }
    signature
}
