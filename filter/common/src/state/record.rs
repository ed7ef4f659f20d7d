//! States as they stand one behind the other in the value of a key.

use super::{Decoder, Encoder};
use crate::base::time::Instant;
use std::ops::Range;

/// The state of one scope, among others.
pub(super) struct Record<'a> {
    pub(super) expires: Instant,
    pub(super) yields: bool,
    /// Whose it is.
    pub(super) seal: &'a [u8],
    /// Where the state itself is, in the value.
    pub(super) state: Range<usize>,
    /// All of the record.
    pub(super) bytes: &'a [u8],
}

/// Writes a record.
pub(super) fn write(expires: Instant, yields: bool, seal: &[u8], state: Encoder) -> Vec<u8> {
    let mut record = Encoder::default();
    record.instant(expires).number(u64::from(yields)).bytes(seal).bytes(&state.finish());
    record.finish()
}

/// The records of a value, as far as they can be read.
pub(super) fn records(value: &[u8]) -> impl Iterator<Item = Record<'_>> {
    let mut decoder = Decoder::new(value);
    std::iter::from_fn(move || {
        let start = value.len() - decoder.left();
        let (expires, yields) = (decoder.instant()?, decoder.number()? != 0);
        let (seal, state) = (decoder.bytes()?, decoder.bytes()?);
        let end = value.len() - decoder.left();
        let bytes = value.get(start..end)?;
        Some(Record { expires, yields, seal, state: end - state.len()..end, bytes })
    })
}
