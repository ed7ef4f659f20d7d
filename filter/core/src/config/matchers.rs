//! Header matchers, alike for probes and counters.

use super::keys;
use crate::http::headers::AUTHORITY;
use crate::matching::header::{HeaderMatcher, HeaderTest};
use crate::reader::Reader;
use crate::reader::object::Object;

/// Reads `headers` of an object: matchers, all of which must hold.
pub(super) fn read_list(object: &Object<'_>) -> Vec<HeaderMatcher> {
    object.items("headers").iter().map(read).collect()
}

fn read(reader: &Reader<'_>) -> HeaderMatcher {
    let object = reader.object(keys::probes::HEADER);
    let name = object.value("name", header_name);
    let not = object.flag("not");
    let test = match object.only_choice("has no condition", "write one matcher for each") {
        // Unlike the others, it has a meaning when empty.
        Some("exact") => HeaderTest::Exact(object.value("exact", |text| Ok(text.to_owned()))),
        Some("prefix") => HeaderTest::Prefix(object.value("prefix", filled)),
        Some("suffix") => HeaderTest::Suffix(object.value("suffix", filled)),
        Some("contains") => HeaderTest::Contains(object.value("contains", filled)),
        _ => HeaderTest::Present(object.flag("present")),
    };
    HeaderMatcher { name, test, not }
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
