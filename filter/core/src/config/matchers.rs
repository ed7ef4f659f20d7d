//! Header matchers, alike for probes and counters.

use super::reader::Reader;
use crate::http::headers::AUTHORITY;
use crate::matching::header::{HeaderMatcher, HeaderTest};

/// Reads a list of header matchers; all of them must hold.
pub(super) fn read_list(list: &Reader<'_>) -> Option<Vec<HeaderMatcher>> {
    let matchers: Vec<_> = list.filled_list()?.iter().map(read).collect();
    matchers.into_iter().collect()
}

const TESTS: [&str; 5] = ["present", "exact", "prefix", "suffix", "contains"];

fn read(reader: &Reader<'_>) -> Option<HeaderMatcher> {
    let [present, exact, prefix, suffix, contains] = TESTS;
    let object = reader.object(&["name", present, exact, prefix, suffix, contains, "not"])?;
    let name = object
        .required("name", r#""name": "user-agent""#)
        .and_then(|reader| reader.parsed(header_name));
    let not = object.get("not").map_or(Some(false), |reader| reader.bool());

    let given: Vec<&str> = TESTS.into_iter().filter(|test| object.get(test).is_some()).collect();
    let text = |key: &str| object.get(key).and_then(|value| value.parsed(filled));
    let test = match given.as_slice() {
        [] => {
            object.error(format!("has no condition; add one of {}", TESTS.join(", ")));
            None
        }
        [one] if *one == present => {
            object.get(present).and_then(|value| value.bool()).map(HeaderTest::Present)
        }
        [one] if *one == exact => {
            // Unlike the others, it has a meaning when empty.
            let text = object.get(exact).and_then(|value| value.string());
            text.map(|text| HeaderTest::Exact(text.to_owned()))
        }
        [one] if *one == prefix => text(prefix).map(HeaderTest::Prefix),
        [one] if *one == suffix => text(suffix).map(HeaderTest::Suffix),
        [_] => text(contains).map(HeaderTest::Contains),
        several => {
            let several = several.join(" and ");
            object.error(format!("has {several}; write one matcher for each"));
            None
        }
    };
    Some(HeaderMatcher { name: name?, test: test?, not: not? })
}

/// A field name (RFC 9110, section 5.1), folded to lower case as Envoy does, which keeps
/// `host` under the name that HTTP/2 gives it.
pub(super) fn header_name(text: &str) -> Result<String, String> {
    if text.eq_ignore_ascii_case("host") || text == AUTHORITY {
        return Ok(AUTHORITY.to_owned());
    }
    let token = |byte: u8| byte.is_ascii_alphanumeric() || b"!#$%&'*+-.^_`|~".contains(&byte);
    if text.is_empty() || !text.bytes().all(token) {
        return Err(r#"is not a header name; write it like "user-agent""#.to_owned());
    }
    Ok(text.to_ascii_lowercase())
}

fn filled(text: &str) -> Result<String, String> {
    if text.is_empty() {
        return Err(r#"would match anything; write "present": true"#.to_owned());
    }
    Ok(text.to_owned())
}
