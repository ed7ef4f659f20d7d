//! Header maps as the Proxy-Wasm ABI writes them: the number of pairs, the two
//! sizes of each, then each name and value with a zero byte behind it. Numbers
//! have 32 bits, little-endian.

use std::slice;

/// Writes a header map.
pub fn serialize(headers: &[(&str, Vec<u8>)]) -> Vec<u8> {
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

/// A header map that is asked for several headers.
#[derive(Debug, Default)]
pub struct HeaderMap {
    bytes: Vec<u8>,
    sizes: NameSizes,
}

impl HeaderMap {
    /// Takes a header map as the ABI writes it.
    pub fn new(bytes: Vec<u8>) -> Self {
        let sizes = NameSizes::of(&pairs(&bytes));
        Self { bytes, sizes }
    }

    /// The first value of a header, whose name is given in lower case.
    pub fn value(&self, name: &str) -> Option<&[u8]> {
        self.candidates(name).value(name)
    }

    /// All values of a header, whose name is given in lower case.
    pub fn values(&self, name: &str) -> impl Iterator<Item = &[u8]> {
        self.candidates(name).values(name)
    }

    /// All pairs, in their order.
    pub fn pairs(&self) -> Pairs<'_> {
        pairs(&self.bytes)
    }

    /// The name of the first header that ends so.
    pub fn name_ending(&self, end: &[u8]) -> Option<String> {
        let (name, _) = pairs(&self.bytes).find(|(name, _)| name.ends_with(end))?;
        Some(String::from_utf8_lossy(name).into_owned())
    }

    /// Pairs among which are all of this name.
    fn candidates(&self, name: &str) -> Pairs<'_> {
        if self.sizes.have(name) { pairs(&self.bytes) } else { Pairs::default() }
    }

    /// The bytes that it was made of.
    pub fn into_bytes(self) -> Vec<u8> {
        self.bytes
    }
}

/// Which sizes the names of a header map have, a bit for each: most headers that are
/// asked for aren't there, and most of those are ruled out by that alone.
#[derive(Clone, Copy, Debug, Default)]
struct NameSizes(u64);

impl NameSizes {
    fn of(pairs: &Pairs<'_>) -> Self {
        Self(pairs.sizes.clone().fold(0, |seen, sizes| seen | Self::bit(Sizes::of(sizes).name)))
    }

    fn have(self, name: &str) -> bool {
        self.0 & Self::bit(name.len() as u64) != 0
    }

    /// All that are longer share the last one.
    fn bit(size: u64) -> u64 {
        1 << size.min(63)
    }
}

/// A name and its value.
pub type Pair<'a> = (&'a [u8], &'a [u8]);

/// The pairs of a header map, in its order. They end where it makes no sense.
#[derive(Clone, Debug, Default)]
pub struct Pairs<'a> {
    /// The sizes of the pairs that are left: each a name's and a value's.
    sizes: slice::Iter<'a, [u8; 8]>,
    texts: &'a [u8],
    /// Where in the texts the next pair begins. It can't overflow: as many sizes as that
    /// takes don't fit into memory.
    next: u64,
}

/// The sizes of a pair.
struct Sizes {
    name: u64,
    value: u64,
}

impl Sizes {
    /// Both are one number to the processor, so they are read as one.
    fn of(bytes: &[u8; 8]) -> Self {
        let both = u64::from_le_bytes(*bytes);
        Self { name: both & u64::from(u32::MAX), value: both >> 32 }
    }
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
    /// All values of a header, whose name is given in lower case.
    pub fn values(self, name: &str) -> impl Iterator<Item = &'a [u8]> {
        let named = move |(known, _): &Pair<'_>| *known == name.as_bytes();
        self.filter(named).map(|(_, value)| value)
    }

    /// The first value of a header. Quicker than to go through the pairs: most names can
    /// be told by their size.
    fn value(mut self, name: &str) -> Option<&'a [u8]> {
        let size = name.len() as u64;
        loop {
            let place = self.place()?;
            if place.sizes.name == size && self.name_at(&place)? == name.as_bytes() {
                return self.value_at(&place);
            }
        }
    }

    #[inline(always)] // It is all that the loops over it do.
    fn place(&mut self) -> Option<Place> {
        let (sizes, start) = (Sizes::of(self.sizes.next()?), self.next);
        self.next += sizes.name + sizes.value + 2;
        Some(Place { sizes, start })
    }

    fn name_at(&self, place: &Place) -> Option<&'a [u8]> {
        self.text_at(place.start, place.sizes.name)
    }

    fn value_at(&self, place: &Place) -> Option<&'a [u8]> {
        self.text_at(place.start + place.sizes.name + 1, place.sizes.value)
    }

    /// A text, which has a zero byte behind it.
    fn text_at(&self, start: u64, size: u64) -> Option<&'a [u8]> {
        let start = usize::try_from(start).ok()?;
        let size = usize::try_from(size).ok()?;
        self.texts.get(start..)?.get(..size.checked_add(1)?)?.get(..size)
    }
}

/// Where a pair is in the texts.
struct Place {
    sizes: Sizes,
    start: u64,
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
        assert_eq!(pairs(&map).value("x-a"), Some(b"1".as_slice()));
        assert_eq!(pairs(&map).value("x-"), None);
    }

    #[test]
    fn a_header_is_found_whatever_others_have_names_of_its_size() {
        const LONG: &str = "x-a-name-that-is-longer-than-there-are-bits-in-what-is-known-of-sizes";
        const LONGER: &str =
            "x-a-name-that-is-longer-than-there-are-bits-in-what-is-known-of-sizes-by-far";
        let headers = [("x-a", "1"), ("x-b", "2"), (LONG, "3"), ("x-a", "4")];
        let headers = headers.map(|(name, value)| (name, value.into()));
        let map = HeaderMap::new(serialize(&headers));
        let values = |name: &str| map.values(name).collect::<Vec<_>>();
        assert_eq!(values("x-a"), [b"1", b"4"]);
        assert_eq!(values("x-b"), [b"2"]);
        assert_eq!(values(LONG), [b"3"]);
        for absent in ["", "x", "x-c", "x-abc", LONGER] {
            assert!(values(absent).is_empty(), "{absent}");
        }
        for name in ["x-a", "x-b", LONG, "x", "x-c", LONGER] {
            assert_eq!(map.value(name), values(name).first().copied(), "{name}");
        }
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
