//! Names that people give to probes, checks and counters.

use super::reader::Reader;
use std::collections::HashSet;

const LONGEST_NAME: usize = 64;

/// The name of a probe or of a check, as `kind` says. It stands in header values, stat
/// names and JSON keys, which leaves these characters.
pub(super) fn plain_name(kind: &str, text: &str) -> Result<String, String> {
    let plain = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'_' || byte == b'-';
    if text.is_empty() || text.len() > LONGEST_NAME || !text.bytes().all(plain) {
        return Err(format!(
            "is not a {kind} name; write 1 to {LONGEST_NAME} letters, digits, \"_\" or \"-\""
        ));
    }
    Ok(text.to_owned())
}

/// Refuses every name that an earlier item of a list has. `rules` are what was read
/// of the `items`, each of which is a `kind`.
pub(super) fn refuse_twins<T>(
    kind: &str,
    items: &[Reader<'_>],
    rules: &[Option<T>],
    name_of: impl Fn(&T) -> &str,
) {
    let mut taken = HashSet::new();
    for (item, rule) in items.iter().zip(rules) {
        let Some(name) = rule.as_ref().map(&name_of) else { continue };
        if !taken.insert(name) {
            item.error(format!("the name {name:?} is taken by an earlier {kind}; choose another"));
        }
    }
}
