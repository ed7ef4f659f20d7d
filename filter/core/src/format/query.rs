//! What a prober asks for in the query of a Kubernetes page.
//!
//! The query is read as Go's `url.ParseQuery` reads it for the API server, which drops
//! a pair that doesn't decode and keeps the rest.

/// How many exclusions are looked at; more than that nobody means.
const MAX_EXCLUSIONS: usize = 64;

/// What a prober asks for.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct Query {
    /// Whether it wants every line, even if all is well.
    pub verbose: bool,
    /// The names that it excludes: sorted by their bytes, each once.
    pub excluded: Vec<Vec<u8>>,
}

impl Query {
    /// Reads the query string, given without `?`.
    pub fn read(query: &[u8]) -> Self {
        let mut read = Self::default();
        let mut room = MAX_EXCLUSIONS;
        for (name, value) in pairs(query) {
            match name.as_slice() {
                b"verbose" => read.verbose = true,
                b"exclude" if room > 0 => {
                    room -= 1;
                    if let Err(place) = read.excluded.binary_search(&value) {
                        read.excluded.insert(place, value);
                    }
                }
                _ => {}
            }
        }
        read
    }
}

/// The pairs that decode.
fn pairs(query: &[u8]) -> impl Iterator<Item = (Vec<u8>, Vec<u8>)> {
    query.split(|&byte| byte == b'&').filter_map(|pair| {
        // Go takes `;` neither for a separator nor for a part of a pair.
        if pair.is_empty() || pair.contains(&b';') {
            return None;
        }
        let mut halves = pair.splitn(2, |&byte| byte == b'=');
        let name = decode(halves.next()?)?;
        let value = decode(halves.next().unwrap_or_default())?;
        Some((name, value))
    })
}

/// Undoes percent-encoding, and `+` for a space.
fn decode(text: &[u8]) -> Option<Vec<u8>> {
    let mut decoded = Vec::with_capacity(text.len());
    let mut bytes = text.iter().copied();
    while let Some(byte) = bytes.next() {
        decoded.push(match byte {
            b'+' => b' ',
            b'%' => hex(bytes.next()?)? << 4 | hex(bytes.next()?)?,
            other => other,
        });
    }
    Some(decoded)
}

const fn hex(digit: u8) -> Option<u8> {
    match digit {
        b'0'..=b'9' => Some(digit - b'0'),
        b'a'..=b'f' => Some(digit - b'a' + 10),
        b'A'..=b'F' => Some(digit - b'A' + 10),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    #[cfg(all(target_arch = "wasm32", target_os = "unknown"))]
    use wasm_bindgen_test::wasm_bindgen_test as test;

    fn excluded(query: &str) -> Vec<String> {
        let names = Query::read(query.as_bytes()).excluded.into_iter();
        names.map(|name| String::from_utf8(name).unwrap()).collect()
    }

    #[test]
    fn the_presence_of_verbose_is_enough_whatever_its_value() {
        for query in
            ["verbose", "verbose=", "verbose=false", "a=b&verbose=1", "v%65rbose", "&verbose"]
        {
            assert!(Query::read(query.as_bytes()).verbose, "{query}");
        }
        for query in ["", "Verbose", "a=verbose", "verbos", "verbose;", "verbose=%zz", "?verbose"] {
            assert!(!Query::read(query.as_bytes()).verbose, "{query}");
        }
    }

    #[test]
    fn exclusions_are_sorted_and_each_counts_once() {
        assert_eq!(excluded("exclude=b&exclude=a&verbose&exclude=b&exclude=B"), ["B", "a", "b"]);
    }

    #[test]
    fn an_exclusion_without_a_value_excludes_the_empty_name() {
        assert_eq!(excluded("exclude"), [""]);
        assert_eq!(excluded("exclude="), [""]);
    }

    #[test]
    fn values_are_decoded_as_go_does() {
        for (query, expected) in [
            ("exclude=a+b", "a b"),
            ("exclude=a%2Bb", "a+b"),
            ("exclude=cluster%3aorders", "cluster:orders"),
            ("exclude=cluster%3Aorders", "cluster:orders"),
            ("exclude=a=b", "a=b"),
            ("exclude=%41%26", "A&"),
            ("%65xclude=a", "a"),
            ("exclude=%C3%A9", "é"),
        ] {
            assert_eq!(excluded(query), [expected], "{query}");
        }
    }

    #[test]
    fn a_pair_that_does_not_decode_is_dropped_and_the_rest_kept() {
        for bad in
            ["exclude=%", "exclude=%4", "exclude=%4g", "exclude=%g4", "exclude=x;y", "%=a", ""]
        {
            assert_eq!(excluded(&format!("{bad}&exclude=a&{bad}")), ["a"], "{bad}");
        }
    }

    #[test]
    fn exclusions_beyond_the_limit_are_not_looked_at() {
        let query: Vec<_> = (0..1_000).map(|n| format!("exclude={n:04}")).collect();
        let excluded = excluded(&query.join("&"));
        assert_eq!(excluded.len(), MAX_EXCLUSIONS);
        assert_eq!(excluded.last().unwrap(), "0063");
    }

    #[test]
    fn the_same_exclusion_over_and_over_uses_up_the_limit() {
        let query = format!("{}exclude=b&verbose", "exclude=a&".repeat(MAX_EXCLUSIONS));
        assert_eq!(excluded(&query), ["a"]);
        assert!(Query::read(query.as_bytes()).verbose);
    }
}
