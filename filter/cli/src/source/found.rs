//! A configuration of one of the modules, and where its values stand.

use std::rc::Rc;

use super::document::Document;
use super::json;
use super::loaded::{Form, Loaded};
use super::text::{Position, Text};
use super::tree::{Member, Node, Reader, Value};
use super::variables::Variables;

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
    /// The configuration with the place of each value; none where there is none, or where it
    /// isn't JSON.
    pub config: Option<Document>,
    /// Where it begins; where it stops to be JSON if it isn't.
    pub start: Position,
    /// What its VM knows.
    pub variables: Variables,
    /// What loads it; nothing for a file that is nothing but a configuration.
    pub loaded: Option<Loaded>,
}

impl Found {
    /// Where what a reader's error speaks of stands: `place` is its path of keys and indices,
    /// such as `probes[2].timeout`. Of a repeated key it is the last.
    pub fn position(&self, place: &str) -> Position {
        let Some(config) = &self.config else { return self.start };
        match locate(&config.root, place) {
            Some(Located { value, .. }) => config.position(value),
            None => self.start,
        }
    }

    /// The value at a path, as of a reader's error.
    pub fn at(&self, place: &str) -> Option<&Node> {
        locate(&self.config.as_ref()?.root, place).map(|located| located.value)
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
        Self::new(kind, document.clone(), Reader::Kubernetes, Variables::anything(), None)
    }

    /// What a resource of Kubernetes holds as an object.
    pub(super) fn loaded(kind: Kind, loaded: Loaded, config: Option<&Rc<Node>>) -> Self {
        let variables = match loaded.form {
            Form::EnvoyGateway => {
                Variables::of_host(loaded.plugin.get("env").and_then(|env| env.get("hostKeys")))
            }
            _ => Variables::of_istio(loaded.plugin.at_path(&["vmConfig", "env"])),
        };
        match config {
            Some(config) => {
                let config = loaded.document.part(config);
                Self::new(kind, config, Reader::Kubernetes, variables, Some(loaded))
            }
            None => Self::missing(kind, variables, loaded),
        }
    }

    /// What a plugin of Envoy holds in an Any: a text, or an object.
    pub(super) fn of_envoy(kind: Kind, loaded: Loaded, any: Option<&Rc<Node>>) -> Self {
        let vm_config = loaded.plugin.field("vm_config");
        let variables = vm_config.and_then(|vm| vm.field("environment_variables"));
        let variables = Variables::of_envoy(variables);
        let Some(value) = any.and_then(|any| any.get("value")) else {
            return Self::missing(kind, variables, loaded);
        };
        let Value::String(scalar) = &value.value else {
            let config = loaded.document.part(value);
            return Self::new(kind, config, Reader::Envoy, variables, Some(loaded));
        };
        let text = Text::quoted(&loaded.document.text, value.at, scalar);
        let (config, start) = match json::read(text.content()) {
            Ok(root) => (Some(root), text.position(0)),
            Err(fault) => (None, text.position(fault.at)),
        };
        Self {
            kind,
            bytes: text.content().as_bytes().to_owned(),
            config: config.map(|root| Document::new(&text, root)),
            start,
            variables,
            loaded: Some(loaded),
        }
    }

    fn new(
        kind: Kind,
        config: Document,
        reader: Reader,
        variables: Variables,
        loaded: Option<Loaded>,
    ) -> Self {
        Self {
            kind,
            bytes: config.root.to_json(reader).into_bytes(),
            start: config.position(&config.root),
            config: Some(config),
            variables,
            loaded,
        }
    }

    fn missing(kind: Kind, variables: Variables, loaded: Loaded) -> Self {
        let start = loaded.document.position(&loaded.plugin);
        Self { kind, bytes: Vec::new(), config: None, start, variables, loaded: Some(loaded) }
    }
}
