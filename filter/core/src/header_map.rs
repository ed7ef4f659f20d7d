//! Header maps as the Proxy-Wasm ABI writes them: the number of pairs, the two
//! sizes of each, then each name and value with a zero byte behind it. Numbers
//! have 32 bits, little-endian.

/// Writes a header map.
pub fn serialize(headers: &[(&'static str, Vec<u8>)]) -> Vec<u8> {
    let number = |bytes: &mut Vec<u8>, number: usize| {
        bytes.extend_from_slice(&u32::try_from(number).unwrap_or(u32::MAX).to_le_bytes());
    };
    let mut bytes = Vec::new();
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

/// Reads a header map; `None` where it isn't one.
pub fn deserialize(map: &[u8]) -> Option<Vec<Pair<'_>>> {
    let (count, rest) = split_number(map)?;
    let (mut sizes, mut texts) = rest.split_at_checked(count.checked_mul(8)?)?;
    let mut pairs = Vec::new();
    while !sizes.is_empty() {
        let (name_size, rest) = split_number(sizes)?;
        let (value_size, rest) = split_number(rest)?;
        sizes = rest;
        let (name, rest) = split_text(texts, name_size)?;
        let (value, rest) = split_text(rest, value_size)?;
        texts = rest;
        pairs.push((name, value));
    }
    Some(pairs)
}

fn split_number(bytes: &[u8]) -> Option<(usize, &[u8])> {
    let (number, rest) = bytes.split_first_chunk()?;
    Some((usize::try_from(u32::from_le_bytes(*number)).ok()?, rest))
}

fn split_text(bytes: &[u8], size: usize) -> Option<(&[u8], &[u8])> {
    let (text, rest) = bytes.split_at_checked(size)?;
    Some((text, rest.strip_prefix(b"\0")?))
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
        let pairs: Vec<Pair<'_>> =
            headers.iter().map(|(name, value)| (name.as_bytes(), value.as_slice())).collect();
        assert_eq!(deserialize(&map), Some(pairs));
        for length in 0..map.len() {
            assert_eq!(deserialize(&map[..length]), None, "{length} bytes");
        }
    }

    #[test]
    fn an_empty_map_has_no_pairs() {
        assert_eq!(deserialize(&serialize(&[])), Some(vec![]));
    }

    #[test]
    fn sizes_that_promise_too_much_are_refused() {
        assert_eq!(deserialize(&[0xff; 4]), None);
        assert_eq!(deserialize(&[1, 0, 0, 0, 0xff, 0xff, 0xff, 0xff, 0, 0, 0, 0, 0]), None);
    }
}
