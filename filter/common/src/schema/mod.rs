//! The JSON schema of a configuration: written from its table of keys, and held to what its
//! reader says, as far as a schema can say it.
//!
//! For tests alone: no module has it.

// A test fails by a panic, with what is wrong.
#![allow(clippy::indexing_slicing, clippy::panic, clippy::unwrap_used)]

mod forms;
pub mod reference;
pub mod rules;
mod validator;
pub mod writer;

use crate::reader::keys::{Form, Items, Key, Kind, Presence};
use crate::reader::tree::Json;
use std::path::Path;
use std::sync::OnceLock;
use writer::{list, number, object, text, words};

pub use validator::Compiled;

/// Something that a reader refuses and no schema can.
#[derive(Debug)]
pub struct Limit {
    /// A part of what the reader says.
    pub says: &'static str,
    /// Why a schema can't.
    pub why: &'static str,
    /// A configuration with this mistake alone.
    pub example: &'static str,
}

/// The schema of a configuration.
pub struct Schema {
    /// What the schema is called.
    pub title: &'static str,
    /// Where its table of keys is, from the workspace.
    pub source: &'static str,
    /// The keys of the configuration as a whole.
    pub root: &'static [Key],
    /// What holds of an object with these keys beyond what the table says.
    pub rules: fn(&'static [Key]) -> Vec<Json>,
    /// What it can't say.
    pub limits: &'static [Limit],
    /// The schema, ready to be asked.
    pub compiled: OnceLock<Compiled>,
}

impl Schema {
    /// The whole schema, as the table says.
    pub fn write(&self) -> String {
        let head = object([
            ("$schema", text("https://json-schema.org/draft/2020-12/schema")),
            ("title", text(self.title)),
            ("$comment", text(&format!("Written by `make schema` from {}", self.source))),
        ]);
        writer::write(&writer::joined([head, self.of_object(self.root)]))
    }

    /// Holds a file to the table. With `BLESS=1` in the environment the file is written anew.
    pub fn hold_file(&self, path: &Path) {
        let written = self.write();
        if std::env::var_os("BLESS").is_some() {
            std::fs::write(path, written).unwrap();
            return;
        }
        let there = std::fs::read_to_string(path).unwrap_or_default();
        assert!(there == written, "{} is stale; write it anew with `make schema`", path.display());
    }

    /// An object with these keys and no others.
    fn of_object(&self, keys: &'static [Key]) -> Json {
        let properties = keys.iter().map(|key| (key.name, self.of_key(key)));
        let required = keys.iter().filter(|key| matches!(key.presence, Presence::Required(_)));
        let required: Vec<Json> = required.map(|key| text(key.name)).collect();
        let mut schema = vec![
            ("type", text("object")),
            ("properties", object(properties)),
            ("additionalProperties", Json::Bool(false)),
        ];
        if !required.is_empty() {
            schema.push(("required", list(required)));
        }
        schema.extend(alternatives(keys, "oneOf", |it| matches!(it, Presence::OneOf)));
        schema.extend(alternatives(keys, "anyOf", |it| matches!(it, Presence::SomeOf)));
        let mut rules: Vec<Json> = keys.iter().filter_map(rules::beside_others).collect();
        rules.extend((self.rules)(keys));
        if !rules.is_empty() {
            schema.push(("allOf", list(rules)));
        }
        object(schema)
    }

    fn of_key(&self, key: &Key) -> Json {
        let mut columns = vec![("description", text(key.help))];
        match key.presence {
            Presence::Default(_) => columns.extend(default(key).map(|value| ("default", value))),
            Presence::Required(example) => {
                columns.extend(example_value(example).map(|value| ("examples", list([value]))));
            }
            _ => {}
        }
        writer::joined([object(columns), self.of_kind(key.kind)])
    }

    fn of_kind(&self, kind: &'static Kind) -> Json {
        match kind {
            Kind::Bool => object([("type", text("boolean"))]),
            Kind::Count(min, max) => range("integer", *min, *max),
            Kind::Number(min, max) => range("number", *min, *max),
            Kind::Word(all) => object([("enum", words(all))]),
            Kind::Text(form) => forms::of(*form),
            Kind::List(items) => self.of_list(items),
            Kind::Object(keys) => self.of_object(keys),
            Kind::OneOrMore(items) => {
                object([("anyOf", list([self.of_kind(&items.of), self.of_list(items)]))])
            }
            Kind::WordOrObject((all, keys)) => {
                object([("anyOf", list([object([("enum", words(all))]), self.of_object(keys)]))])
            }
            Kind::Map(keys) => object([
                ("type", text("object")),
                ("minProperties", number(1)),
                // Prometheus has a use for these itself.
                ("properties", object(["le", "quantile"].map(|name| (name, Json::Bool(false))))),
                (
                    "patternProperties",
                    object([("^__", Json::Bool(false)), (forms::LABEL_NAME, self.of_object(keys))]),
                ),
                ("additionalProperties", Json::Bool(false)),
            ]),
            Kind::Headers => object([
                ("type", text("object")),
                ("minProperties", number(1)),
                (
                    "patternProperties",
                    object([("^[A-Za-z0-9!#$%&'*+.^_`|~-]+$", forms::of(Form::Filled))]),
                ),
                ("additionalProperties", Json::Bool(false)),
            ]),
            Kind::Metadata => object([
                ("type", text("object")),
                ("additionalProperties", object([("type", text("object"))])),
            ]),
            Kind::Never => object([("not", object([]))]),
        }
    }

    fn of_list(&self, items: &'static Items) -> Json {
        let mut schema = vec![("type", text("array")), ("items", self.of_kind(&items.of))];
        if items.least > 0 {
            schema.push(("minItems", number(u32::try_from(items.least).unwrap())));
        }
        if items.most < usize::MAX {
            schema.push(("maxItems", number(u32::try_from(items.most).unwrap())));
        }
        if items.distinct {
            schema.push(("uniqueItems", Json::Bool(true)));
        }
        object(schema)
    }
}

/// Of those keys that are alternatives one must be there, in the way that `keyword` says.
fn alternatives(
    keys: &[Key],
    keyword: &'static str,
    is_one: fn(&Presence) -> bool,
) -> Option<(&'static str, Json)> {
    let all = keys.iter().filter(|key| is_one(key.presence));
    let all: Vec<Json> = all.map(|key| object([("required", list([text(key.name)]))])).collect();
    (!all.is_empty()).then(|| (keyword, list(all)))
}

/// The default of a key, as JSON.
pub fn default(key: &Key) -> Option<Json> {
    let Presence::Default(value) = key.presence else { return None };
    Some(match key.kind {
        Kind::Text(_) | Kind::Word(_) | Kind::WordOrObject(_) => text(value),
        _ => writer::read(value),
    })
}

/// The value in what an error says to add: `"name": "liveness"`.
fn example_value(example: &str) -> Option<Json> {
    let (_, value) = example.split_once(": ")?;
    // Some go on in words.
    let value = serde_json::Deserializer::from_str(value).into_iter::<Json>().next()?;
    Some(value.unwrap())
}

fn range(kind: &str, min: u32, max: u32) -> Json {
    object([("type", text(kind)), ("minimum", number(min)), ("maximum", number(max))])
}
