//! What a schema says of keys beside each other.

use super::writer::{list, object, words};
use crate::reader::keys::{Key, Scope};
use crate::reader::tree::Json;

/// A key that has a meaning only beside others, or only without others.
pub(super) fn beside_others(key: &Key) -> Option<Json> {
    let condition = match key.scope {
        Scope::With(others) => object([("not", any(others.iter().copied()))]),
        Scope::Without(others) => any(others.iter().map(|(other, _)| *other)),
        Scope::Always | Scope::On(_) => return None,
    };
    Some(unless(condition, [key.name]))
}

/// At least one of these keys is there.
pub fn any<'a>(names: impl IntoIterator<Item = &'a str>) -> Json {
    let mut all: Vec<Json> =
        names.into_iter().map(|name| object([("required", words(&[name]))])).collect();
    if all.len() == 1 { all.remove(0) } else { object([("anyOf", list(all))]) }
}

/// A key that is there and holds this.
pub fn with(name: &str, schema: Json) -> Json {
    object([("properties", object([(name, schema)])), ("required", words(&[name]))])
}

/// What a key holds where it is there.
pub fn properties(name: &str, schema: Json) -> Json {
    object([("properties", object([(name, schema)]))])
}

/// What holds where a condition does.
pub fn when(condition: Json, then: Json) -> Json {
    object([("if", condition), ("then", then)])
}

/// None of these keys where a condition holds.
pub fn unless<'a>(condition: Json, names: impl IntoIterator<Item = &'a str>) -> Json {
    let none = object(names.into_iter().map(|name| (name, Json::Bool(false))));
    when(condition, object([("properties", none)]))
}
