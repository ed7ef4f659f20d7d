//! Header maps as the Proxy-Wasm ABI writes them: the number of pairs, the two
//! sizes of each, then each name and value with a zero byte behind it. Numbers
//! have 32 bits, little-endian.

use std::{iter, slice};

/// Writes a header map.
pub fn serialize(headers: &[(&'static str, Vec<u8>)]) -> Vec<u8> {
    let number = |bytes: &mut Vec<u8>, number: usize| {
        bytes.extend_from_slice(&u32::try_from(number).unwrap_or(u32::MAX).to_le_bytes());
    };
    let size = |(name, value): &(&str, Vec<u8>)| 8 + name.len() + value.len() + 2;
    let mut bytes = Vec::with_capacity(4 + headers.iter().map(size).sum::<usize>());
    number(&mut bytes, headers.len());
    for (name, value) in headers {
        number(&mut bytes, name.len());
        number(&mut bytes, value.len());
    }
    for text in headers.iter().flat_map(|(name, value)| [name.as_bytes(), value.as_slice()]) {
        bytes.extend_from_slice(text);
        bytes.push(0);
    }
    bytes
}

/// A name and its value.
pub type Pair<'a> = (&'a [u8], &'a [u8]);

/// The pairs of a header map, in its order. They end where it makes no sense.
#[derive(Clone, Debug)]
pub struct Pairs<'a> {
    /// The sizes of the pairs that are left: each a name's and a value's.
    sizes: slice::Iter<'a, [u8; 8]>,
    texts: &'a [u8],
    /// Where in the texts the next pair begins.
    next: usize,
}

/// Reads a header map.
pub fn pairs(map: &[u8]) -> Pairs<'_> {
    let parts = || {
        let (count, rest) = map.split_first_chunk()?;
        let count = usize::try_from(u32::from_le_bytes(*count)).ok()?;
        rest.split_at_checked(count.checked_mul(8)?)
    };
    let (sizes, texts) = parts().unwrap_or_default();
    let (sizes, _) = sizes.as_chunks();
    Pairs { sizes: sizes.iter(), texts, next: 0 }
}

impl<'a> Pairs<'a> {
    /// The values of a header, whose name is given in lower case. Quicker than to go
    /// through the pairs: most names can be told by their size.
    pub fn values(mut self, name: &str) -> impl Iterator<Item = &'a [u8]> {
        iter::from_fn(move || {
            loop {
                let place = self.place()?;
                if place.name_size == name.len() && self.name_at(&place)? == name.as_bytes() {
                    return self.value_at(&place);
                }
            }
        })
    }

    fn place(&mut self) -> Option<Place> {
        let [a, b, c, d, e, f, g, h] = *self.sizes.next()?;
        let name_size = usize::try_from(u32::from_le_bytes([a, b, c, d])).ok()?;
        let value_size = usize::try_from(u32::from_le_bytes([e, f, g, h])).ok()?;
        let name = self.next;
        let value = name.checked_add(name_size)?.checked_add(1)?;
        self.next = value.checked_add(value_size)?.checked_add(1)?;
        if self.next > self.texts.len() {
            return None;
        }
        Some(Place { name, name_size, value, value_size })
    }

    fn name_at(&self, place: &Place) -> Option<&'a [u8]> {
        self.texts.get(place.name..place.name + place.name_size)
    }

    fn value_at(&self, place: &Place) -> Option<&'a [u8]> {
        self.texts.get(place.value..place.value + place.value_size)
    }
}

/// Where a pair is in the texts.
struct Place {
    name: usize,
    name_size: usize,
    value: usize,
    value_size: usize,
}

impl<'a> Iterator for Pairs<'a> {
    type Item = Pair<'a>;

    fn next(&mut self) -> Option<Pair<'a>> {
        let place = self.place()?;
        Some((self.name_at(&place)?, self.value_at(&place)?))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    #[cfg(all(target_arch = "wasm32", target_os = "unknown"))]
    use wasm_bindgen_test::wasm_bindgen_test as test;

    #[test]
    fn what_is_written_can_be_read() {
        let headers = [("x-a", b"1".to_vec()), ("x-a", vec![]), ("x-b", b"\0\xff".to_vec())];
        let map = serialize(&headers);
        let written: Vec<Pair<'_>> =
            headers.iter().map(|(name, value)| (name.as_bytes(), value.as_slice())).collect();
        assert_eq!(pairs(&map).collect::<Vec<_>>(), written);
        assert_eq!(pairs(&map).values("x-a").collect::<Vec<_>>(), [b"1".as_slice(), b""]);
        assert_eq!(pairs(&map).values("x-").next(), None);
    }

    #[test]
    fn of_a_map_that_breaks_off_nothing_is_made_up() {
        let headers = [("x-a", b"1".to_vec()), ("x-b", b"22".to_vec())];
        let map = serialize(&headers);
        for length in 0..map.len() {
            let read: Vec<Pair<'_>> = pairs(&map[..length]).collect();
            assert!(read.len() < headers.len(), "{length} bytes");
            assert!(read.iter().all(|pair| *pair == (b"x-a", b"1")), "{length} bytes");
        }
    }

    #[test]
    fn an_empty_map_has_no_pairs() {
        assert_eq!(pairs(&serialize(&[])).next(), None);
    }

    #[test]
    fn sizes_that_promise_too_much_are_not_believed() {
        assert_eq!(pairs(&[0xff; 4]).next(), None);
        assert_eq!(pairs(&[1, 0, 0, 0, 0xff, 0xff, 0xff, 0xff, 0, 0, 0, 0, 0]).next(), None);
    }
}
