//! Walks through a configuration.

use serde_json::Value;

/// Calls `edit` with every object in `value`, the outer before the inner.
pub fn each_object(value: &mut Value, edit: &mut dyn FnMut(&mut Value)) {
    if value.is_object() {
        edit(value);
    }
    match value {
        Value::Object(object) => object.values_mut().for_each(|value| each_object(value, edit)),
        Value::Array(list) => list.iter_mut().for_each(|value| each_object(value, edit)),
        _ => {}
    }
}
