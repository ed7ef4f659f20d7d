//! A configuration of one of the modules, and where its values stand.

use super::document::Document;
use super::text::Position;
use super::tree::{Member, Node, Value};

/// Whose configuration it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// The filter's.
    Filter,
    /// The hub's.
    Hub,
}

/// A configuration that was found.
#[derive(Debug)]
pub struct Found {
    /// Whose it is.
    pub kind: Kind,
    /// What its module gets, byte by byte.
    pub bytes: Vec<u8>,
    /// Where in the file it stands, in words: the kind and the name of the resource or of the
    /// Wasm plugin; empty for a file that is nothing but a configuration.
    pub place: String,
    /// The configuration with the place of each value; none where it isn't JSON.
    pub config: Option<Document>,
    /// Where it begins.
    pub start: Position,
}

impl Found {
    /// Where what a reader's error speaks of stands: `place` is its path of keys and indices,
    /// such as `probes[2].timeout`. Of a repeated key it is the last.
    ///
    /// The longest part of the path that there is counts, so that what is missing is sought
    /// in what it is missing from.
    pub fn position(&self, place: &str) -> Position {
        let Some(config) = &self.config else { return self.start };
        match locate(&config.root, place) {
            Some(Located { value, .. }) => config.position(value),
            None => self.start,
        }
    }

    /// Where the key stands that the path ends with; for an item of a list, where the item
    /// does.
    pub fn key_position(&self, place: &str) -> Position {
        let Some(config) = &self.config else { return self.start };
        match locate(&config.root, place) {
            Some(Located { key: Some(key), .. }) => config.text.position(key.key_at),
            Some(Located { value, .. }) => config.position(value),
            None => self.start,
        }
    }
}

struct Located<'n> {
    key: Option<&'n Member>,
    value: &'n Node,
}

/// Keys may hold dots and brackets, so that a path is sought in the tree, not taken apart.
fn locate<'n>(node: &'n Node, place: &str) -> Option<Located<'n>> {
    if place.is_empty() {
        return Some(Located { key: None, value: node });
    }
    match &node.value {
        Value::List(items) => {
            let (index, rest) = place.strip_prefix('[')?.split_once(']')?;
            locate(items.get(index.parse::<usize>().ok()?)?, rest)
        }
        Value::Object(members) => {
            let place = place.strip_prefix('.').unwrap_or(place);
            members.iter().rev().find_map(|member| {
                let rest = place.strip_prefix(&*member.key)?;
                if !rest.is_empty() && !rest.starts_with(['.', '[']) {
                    return None;
                }
                let located = locate(&member.value, rest)?;
                Some(Located { key: located.key.or(rest.is_empty().then_some(member)), ..located })
            })
        }
        _ => None,
    }
}

impl Found {
    /// A document that is nothing but a configuration.
    pub(super) fn bare(document: &Document, kind: Kind) -> Self {
        Self {
            kind,
            bytes: document.root.to_json().into_bytes(),
            place: String::new(),
            start: document.position(&document.root),
            config: Some(document.clone()),
        }
    }
}
