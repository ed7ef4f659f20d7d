//! Header values as text: HTTP header bytes need not be UTF-8, so each byte is
//! written as the character with the same number (ISO 8859-1), without loss.

use anyhow::{Context, Result};
use hyper::header::{HeaderMap, HeaderName, HeaderValue};

/// The text of a header value.
pub fn decode(bytes: &[u8]) -> String {
    bytes.iter().copied().map(char::from).collect()
}

/// The bytes of a header value; a character above U+00FF has none.
pub fn encode(text: &str) -> Result<Vec<u8>> {
    text.chars()
        .map(|c| u8::try_from(c).with_context(|| format!("{c:?} is not one byte (at most U+00FF)")))
        .collect()
}

/// A header, checked, from its text.
pub fn header(name: &str, value: &str) -> Result<(HeaderName, HeaderValue)> {
    let context = || format!("header {name}: {value:?}");
    Ok((
        HeaderName::from_bytes(name.as_bytes()).with_context(context)?,
        HeaderValue::from_bytes(&encode(value).with_context(context)?).with_context(context)?,
    ))
}

/// Every header as text, in the order received.
pub fn pairs(headers: &HeaderMap) -> Vec<(String, String)> {
    headers.iter().map(|(name, value)| (name.to_string(), decode(value.as_bytes()))).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_byte_survives_the_round_trip() {
        let bytes: Vec<u8> = (0..=255).collect();
        assert_eq!(encode(&decode(&bytes)).unwrap(), bytes);
    }

    #[test]
    fn a_wider_character_is_refused() {
        assert!(encode("€").is_err());
    }
}
