//! Names that people give to probes, checks and counters.

use super::Reader;

const LONGEST_NAME: usize = 64;

/// The name of a probe or of a check, as `kind` says. It stands in header values, stat
/// names and JSON keys, which leaves these characters.
pub fn plain_name(kind: &str, text: &str) -> Result<String, String> {
    let plain = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'_' || byte == b'-';
    if text.is_empty() || text.len() > LONGEST_NAME || !text.bytes().all(plain) {
        return Err(format!(
            "is not a {kind} name; write 1 to {LONGEST_NAME} letters, digits, \"_\" or \"-\""
        ));
    }
    Ok(text.to_owned())
}

/// Refuses every name that an earlier one of the `items` has, each of which is a `kind`.
/// Looks at what is written, so that it has its say about items with other mistakes too.
#[inline(never)]
pub fn refuse_twins(kind: &str, items: &[Reader<'_>]) {
    // In their order: a set would be two thousand bytes of the module.
    let mut taken: Vec<&str> = Vec::new();
    for item in items {
        let Some(name) = item.member("name").and_then(|name| name.text()) else { continue };
        match taken.binary_search(&name) {
            Err(place) => taken.insert(place, name),
            Ok(_) => item
                .error(format!("the name {name:?} is taken by an earlier {kind}; choose another")),
        }
    }
}
