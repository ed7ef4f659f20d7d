//! Endpoint metadata, which goes into assignments as it is.

use crate::assignment::Metadata;
use heartbeat_common::reader::Reader;
use heartbeat_common::reader::object::Object;
use heartbeat_common::reader::tree::Json;
use serde_json::Value;

/// Reads `metadata`: objects, by the filter or transport socket match that they are for.
pub(super) fn read(object: &Object<'_>) -> Metadata {
    let Some(reader) = object.get("metadata") else { return Metadata::new() };
    map_of(reader.members().filter_map(|(key, member)| {
        if !member.is_object() {
            member.error("isn't an object; write { \"mesh\": \"east\" }");
            return None;
        }
        Some((key, value(&member)))
    }))
}

/// One by one: to collect them takes a sort that would be ten times the size of all this.
fn map_of<'a>(members: impl Iterator<Item = (&'a str, Value)>) -> Metadata {
    let mut map = Metadata::new();
    members.for_each(|(key, value)| drop(map.insert(key.to_owned(), value)));
    map
}

fn value(reader: &Reader<'_>) -> Value {
    match reader.json() {
        Json::Null => Value::Null,
        Json::Bool(value) => Value::Bool(*value),
        Json::Number(number, _) => Value::Number(number.clone()),
        Json::String(text) => Value::String(text.clone()),
        Json::Array(_) => Value::Array(reader.items().iter().map(value).collect()),
        Json::Object(_) => {
            Value::Object(map_of(reader.members().map(|(key, it)| (key, value(&it)))))
        }
    }
}
