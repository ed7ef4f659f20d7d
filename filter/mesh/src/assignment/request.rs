//! What a client's Envoy asks for.
//!
//! Its request is some 77 KB of JSON, nearly all of it the list of the extensions that it
//! has (`node.extensions`), and nothing turns that off for REST. What matters stands at
//! both ends: `version_info` and the node's id before it, the names and the type after it.

use super::TYPE_URL;

/// A `DiscoveryRequest`, as far as it matters.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DiscoveryRequest {
    /// The version that the client has; `None` where it has none yet.
    pub version: Option<String>,
    /// The client, where it says who it is.
    pub node: Option<String>,
    /// The service: each cluster asks for itself.
    pub service: String,
}

/// Why a request is none.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Unfit {
    /// It isn't a `DiscoveryRequest`, or one of a form that no Envoy sends.
    Malformed,
    /// It asks for something else than endpoints.
    OtherType,
}

/// The longest version that is taken for one, in bytes: ours have 16.
const LONGEST_VERSION: usize = 256;

impl DiscoveryRequest {
    /// How many bytes of either end are to be read.
    pub const HEAD: usize = 1_024;
    /// The same of the other.
    pub const TAIL: usize = 512;

    /// Reads the first and the last bytes of a body; they may overlap, or be all of it.
    ///
    /// # Errors
    /// It is none for endpoints.
    pub fn read(head: &[u8], tail: &[u8]) -> Result<Self, Unfit> {
        if head.trim_ascii_start().first() != Some(&b'{') {
            return Err(Unfit::Malformed);
        }
        let type_url = string_after(tail, b"\"type_url\"").ok_or(Unfit::Malformed)?;
        if type_url != TYPE_URL {
            return Err(Unfit::OtherType);
        }
        let service = string_after(tail, b"\"resource_names\"").ok_or(Unfit::Malformed)?;
        // The version comes first, before anything that a node may say of itself.
        let before_node = find(head, b"\"node\"").and_then(|at| head.get(..at)).unwrap_or(head);
        let version = string_after(before_node, b"\"version_info\"");
        let version = version.filter(|it| (1..=LONGEST_VERSION).contains(&it.len()));
        let node = find(head, b"\"node\"").and_then(|at| string_after(head.get(at..)?, b"\"id\""));
        Ok(Self { version, node, service })
    }
}

fn find(text: &[u8], what: &[u8]) -> Option<usize> {
    text.windows(what.len()).position(|window| window == what)
}

/// The first string after the last place where a key stands.
fn string_after(text: &[u8], key: &[u8]) -> Option<String> {
    let at = text.windows(key.len()).rposition(|window| window == key)?;
    let rest = text.get(at + key.len()..)?;
    let opens = rest.iter().position(|byte| *byte == b'"')?;
    // Between a key and its value there is nothing else.
    let between = rest.get(..opens)?;
    if !between.iter().all(|byte| b":[ \t\r\n".contains(byte)) {
        return None;
    }
    let mut values = serde_json::Deserializer::from_slice(rest.get(opens..)?).into_iter::<String>();
    values.next()?.ok()
}
