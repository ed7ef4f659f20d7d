//! Bytes that go from one VM to another of the same process.
//!
//! Denser than the states of [`heartbeat_common::state`], because there are thousands of
//! these a second: numbers in little-endian order and as wide as they must be, texts behind
//! their length.

use heartbeat_common::base::time::Instant;
use std::net::{IpAddr, SocketAddr};

/// Writes.
#[derive(Debug, Default)]
pub struct Packer(Vec<u8>);

/// Reads. Whatever isn't there, or isn't what it should be, is `None`.
#[derive(Clone, Debug)]
pub struct Unpacker<'a>(&'a [u8]);

impl Packer {
    /// Begins with room for so many bytes.
    pub fn with_capacity(bytes: usize) -> Self {
        Self(Vec::with_capacity(bytes))
    }

    /// How much was written, in bytes.
    pub fn len(&self) -> usize {
        self.0.len()
    }

    /// Whether nothing was written yet.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// What was written.
    pub fn finish(self) -> Vec<u8> {
        self.0
    }

    /// Appends a byte.
    pub fn byte(&mut self, value: u8) {
        self.0.push(value);
    }

    /// Appends a number below 2¹⁶; a greater one becomes the greatest.
    pub fn short(&mut self, value: usize) {
        let value = u16::try_from(value).unwrap_or(u16::MAX);
        self.0.extend_from_slice(&value.to_le_bytes());
    }

    /// Appends a number below 2³²; a greater one becomes the greatest.
    pub fn word(&mut self, value: usize) {
        let value = u32::try_from(value).unwrap_or(u32::MAX);
        self.0.extend_from_slice(&value.to_le_bytes());
    }

    /// Appends a number.
    pub fn number(&mut self, value: u64) {
        self.0.extend_from_slice(&value.to_le_bytes());
    }

    /// Appends a moment.
    pub fn instant(&mut self, value: Instant) {
        self.number(value.0);
    }

    /// Appends a measure, which may be absent.
    pub fn measure(&mut self, value: Option<f32>) {
        self.0.extend_from_slice(&value.unwrap_or(f32::NAN).to_le_bytes());
    }

    /// Appends a text of less than 2¹⁶ bytes; of a longer one nothing.
    pub fn text(&mut self, value: &str) {
        let value = if value.len() > usize::from(u16::MAX) { "" } else { value };
        self.short(value.len());
        self.0.extend_from_slice(value.as_bytes());
    }

    /// Appends an address.
    pub fn address(&mut self, address: SocketAddr) {
        match address.ip() {
            IpAddr::V4(ip) => {
                self.byte(4);
                self.0.extend_from_slice(&ip.octets());
            }
            IpAddr::V6(ip) => {
                self.byte(6);
                self.0.extend_from_slice(&ip.octets());
            }
        }
        self.short(usize::from(address.port()));
    }
}

impl<'a> Unpacker<'a> {
    /// Begins to read.
    pub fn new(bytes: &'a [u8]) -> Self {
        Self(bytes)
    }

    /// Whether there is nothing left.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// What is left.
    pub fn left(&self) -> &'a [u8] {
        self.0
    }

    fn array<const N: usize>(&mut self) -> Option<[u8; N]> {
        let (array, rest) = self.0.split_first_chunk::<N>()?;
        self.0 = rest;
        Some(*array)
    }

    /// The next byte.
    pub fn byte(&mut self) -> Option<u8> {
        self.array::<1>().map(|[byte]| byte)
    }

    /// The next number below 2¹⁶.
    pub fn short(&mut self) -> Option<usize> {
        self.array().map(|bytes| usize::from(u16::from_le_bytes(bytes)))
    }

    /// The next number below 2³².
    pub fn word(&mut self) -> Option<usize> {
        usize::try_from(u32::from_le_bytes(self.array()?)).ok()
    }

    /// The next number.
    pub fn number(&mut self) -> Option<u64> {
        self.array().map(u64::from_le_bytes)
    }

    /// The next moment.
    pub fn instant(&mut self) -> Option<Instant> {
        self.number().map(Instant)
    }

    /// The next measure, where there is one.
    pub fn measure(&mut self) -> Option<Option<f32>> {
        let value = f32::from_le_bytes(self.array()?);
        Some((!value.is_nan()).then_some(value))
    }

    /// The next text.
    pub fn text(&mut self) -> Option<&'a str> {
        let length = self.short()?;
        let (text, rest) = self.0.split_at_checked(length)?;
        self.0 = rest;
        std::str::from_utf8(text).ok()
    }

    /// The next address.
    pub fn address(&mut self) -> Option<SocketAddr> {
        let ip = match self.byte()? {
            4 => IpAddr::from(self.array::<4>()?),
            6 => IpAddr::from(self.array::<16>()?),
            _ => return None,
        };
        Some(SocketAddr::new(ip, u16::try_from(self.short()?).ok()?))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn what_was_written_is_read(
            byte in any::<u8>(), short in any::<u16>(), word in any::<u32>(), number in any::<u64>(),
            measure in proptest::option::of(-1e9_f32..1e9), text in ".{0,40}",
            ip in any::<std::net::IpAddr>(), port in any::<u16>(),
        ) {
            let address = SocketAddr::new(ip, port);
            let mut packer = Packer::default();
            packer.byte(byte);
            packer.short(usize::from(short));
            packer.word(word as usize);
            packer.number(number);
            packer.measure(measure);
            packer.text(&text);
            packer.address(address);
            let bytes = packer.finish();
            let mut unpacker = Unpacker::new(&bytes);
            prop_assert_eq!(unpacker.byte(), Some(byte));
            prop_assert_eq!(unpacker.short(), Some(usize::from(short)));
            prop_assert_eq!(unpacker.word(), Some(word as usize));
            prop_assert_eq!(unpacker.number(), Some(number));
            prop_assert_eq!(unpacker.measure(), Some(measure));
            prop_assert_eq!(unpacker.text(), Some(text.as_str()));
            prop_assert_eq!(unpacker.address(), Some(address));
            prop_assert!(unpacker.is_empty());
            prop_assert_eq!(unpacker.byte(), None);
        }

        #[test]
        fn whatever_the_bytes_are_nothing_panics(bytes in proptest::collection::vec(any::<u8>(), 0..64)) {
            let mut unpacker = Unpacker::new(&bytes);
            while unpacker.text().is_some() || unpacker.address().is_some() {}
        }
    }
}
