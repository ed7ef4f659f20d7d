//! The JSON schema is written from the table of keys, and says of a configuration what the
//! reader says, as far as a schema can.
//!
//! `BLESS=1` writes the file anew; without it, one that isn't as the table says is a fault.

mod forms;
mod limits;
mod rules;
mod strings;
mod validator;
mod writer;

use std::path::PathBuf;

pub(super) use validator::hold;

use crate::config::keys::{Items, Key, Kind, Presence, ROOT};
use crate::config::tree::Json;
use writer::{list, number, object, text, words};

/// The schema of `envoy-config`, from this crate.
fn path() -> PathBuf {
    let here = PathBuf::from(env!("CARGO_MANIFEST_DIR"));
    here.join("../../envoy-config/schema/heartbeat.schema.json")
}

/// The whole schema, as the table says.
fn schema() -> Json {
    let head = object([
        ("$schema", text("https://json-schema.org/draft/2020-12/schema")),
        ("title", text("Configuration of Heartbeat Filter")),
        ("$comment", text("Written by `make schema` from filter/core/src/config/keys.rs")),
    ]);
    writer::joined([head, of_object(ROOT)])
}

/// An object with these keys and no others.
fn of_object(keys: &'static [Key]) -> Json {
    let properties = keys.iter().map(|key| (key.name, of_key(key)));
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
    let rules = rules::of(keys);
    if !rules.is_empty() {
        schema.push(("allOf", list(rules)));
    }
    object(schema)
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

fn of_key(key: &Key) -> Json {
    let mut columns = vec![("description", text(key.help))];
    match key.presence {
        Presence::Default(_) => columns.extend(default(key).map(|value| ("default", value))),
        Presence::Required(example) => {
            columns.extend(example_value(example).map(|value| ("examples", list([value]))));
        }
        _ => {}
    }
    writer::joined([object(columns), of_kind(key.kind)])
}

/// The default, as JSON.
pub(super) fn default(key: &Key) -> Option<Json> {
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

fn of_kind(kind: &'static Kind) -> Json {
    match kind {
        Kind::Bool => object([("type", text("boolean"))]),
        Kind::Count(min, max) => range("integer", *min, *max),
        Kind::Number(min, max) => range("number", *min, *max),
        Kind::Word(all) => object([("enum", words(all))]),
        Kind::Text(form) => forms::of(*form),
        Kind::List(items) => of_list(items),
        Kind::Object(keys) => of_object(keys),
        Kind::WordOrObject((all, keys)) => {
            object([("anyOf", list([object([("enum", words(all))]), of_object(keys)]))])
        }
        Kind::Map(keys) => object([
            ("type", text("object")),
            ("minProperties", number(1)),
            // Prometheus has a use for these itself.
            ("properties", object(["le", "quantile"].map(|name| (name, Json::Bool(false))))),
            (
                "patternProperties",
                object([("^__", Json::Bool(false)), (forms::LABEL_NAME, of_object(keys))]),
            ),
            ("additionalProperties", Json::Bool(false)),
        ]),
    }
}

fn range(kind: &str, min: u32, max: u32) -> Json {
    object([("type", text(kind)), ("minimum", number(min)), ("maximum", number(max))])
}

fn of_list(items: &'static Items) -> Json {
    let mut schema = vec![("type", text("array")), ("items", of_kind(&items.of))];
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

#[test]
fn the_schema_is_as_the_table_of_keys_says() {
    let written = writer::write(&schema());
    if std::env::var_os("BLESS").is_some() {
        std::fs::write(path(), written).unwrap();
        return;
    }
    let there = std::fs::read_to_string(path()).unwrap_or_default();
    assert!(there == written, "{} is stale; write it anew with `make schema`", path().display());
}
