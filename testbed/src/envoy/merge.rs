//! Deep merging of JSON, for patches of configurations.

use serde_json::{Map, Value};

/// Merges `patch` into `target`.
///
/// Objects merge key by key, and `null` removes a key. Lists of objects that
/// all have a `name` merge by name, new names going to the end. Anything else
/// replaces what was there.
pub fn merge(target: &mut Value, patch: &Value) {
    match (&mut *target, patch) {
        (Value::Object(target), Value::Object(patch)) => merge_objects(target, patch),
        (Value::Array(target), Value::Array(patch))
            if target.iter().chain(patch).all(|item| name(item).is_some()) =>
        {
            merge_by_name(target, patch);
        }
        (target, patch) => *target = patch.clone(),
    }
}

fn merge_objects(target: &mut Map<String, Value>, patch: &Map<String, Value>) {
    for (key, value) in patch {
        if value.is_null() {
            target.remove(key);
        } else {
            merge(target.entry(key).or_insert(Value::Null), value);
        }
    }
}

fn merge_by_name(target: &mut Vec<Value>, patch: &[Value]) {
    for item in patch {
        match target.iter_mut().find(|old| name(old) == name(item)) {
            Some(old) => merge(old, item),
            None => target.push(item.clone()),
        }
    }
}

fn name(item: &Value) -> Option<&str> {
    item.get("name")?.as_str()
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn merged(mut target: Value, patch: Value) -> Value {
        merge(&mut target, &patch);
        target
    }

    #[test]
    fn objects_merge_and_null_removes() {
        assert_eq!(
            merged(json!({"a": {"b": 1, "c": 2}, "d": 3}), json!({"a": {"b": null, "e": 4}})),
            json!({"a": {"c": 2, "e": 4}, "d": 3})
        );
    }

    #[test]
    fn lists_of_named_objects_merge_by_name() {
        assert_eq!(
            merged(
                json!([{"name": "a", "x": 1}, {"name": "b"}]),
                json!([{"name": "a", "y": 2}, {"name": "c"}])
            ),
            json!([{"name": "a", "x": 1, "y": 2}, {"name": "b"}, {"name": "c"}])
        );
    }

    #[test]
    fn other_lists_are_replaced() {
        assert_eq!(merged(json!({"a": [1, 2]}), json!({"a": [3]})), json!({"a": [3]}));
        assert_eq!(merged(json!([{"x": 1}]), json!([{"name": "a"}])), json!([{"name": "a"}]));
    }
}
