//! Endpoint metadata, which goes into assignments as it is.

use crate::assignment::Metadata;
use heartbeat_common::reader::Reader;
use heartbeat_common::reader::object::Object;
use heartbeat_common::reader::tree::Json;
use serde_json::Value;

/// Reads `metadata`: objects, by the filter or transport socket match that they are for.
pub(super) fn read(object: &Object<'_>) -> Metadata {
    let Some(reader) = object.get("metadata") else { return Metadata::new() };
    let members = reader.members().filter_map(|(key, member)| {
        if !member.is_object() {
            member.error("isn't an object; write { \"mesh\": \"east\" }");
            return None;
        }
        Some((key.to_owned(), value(&member)))
    });
    members.collect()
}

fn value(reader: &Reader<'_>) -> Value {
    match reader.json() {
        Json::Null => Value::Null,
        Json::Bool(value) => Value::Bool(*value),
        Json::Number(number, _) => Value::Number(number.clone()),
        Json::String(text) => Value::String(text.clone()),
        Json::Array(_) => Value::Array(reader.items().iter().map(value).collect()),
        Json::Object(_) => {
            let members = reader.members();
            Value::Object(members.map(|(key, it)| (key.to_owned(), value(&it))).collect())
        }
    }
}
