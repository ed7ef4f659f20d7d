//! The schema, asked about configurations.

use std::collections::BTreeSet;
use std::sync::OnceLock;

use boon::{Compiler, ErrorKind, InstanceToken, SchemaIndex, Schemas, ValidationError};
use serde_json::Value;

use super::limits::LIMITS;
use crate::config::{ConfigError, ConfigErrors};

fn compiled() -> &'static (Schemas, SchemaIndex) {
    static SCHEMA: OnceLock<(Schemas, SchemaIndex)> = OnceLock::new();
    SCHEMA.get_or_init(|| {
        let mut schemas = Schemas::new();
        let schema = serde_json::from_str(&super::writer::write(&super::schema())).unwrap();
        let mut compiler = Compiler::new();
        compiler.add_resource("file:///schema.json", schema).unwrap();
        let index = compiler.compile("file:///schema.json", &mut schemas).unwrap();
        (schemas, index)
    })
}

/// The places that the schema finds fault with, written as the reader writes them.
pub(super) fn faults(json: &Value) -> BTreeSet<String> {
    let (schemas, index) = compiled();
    let mut places = BTreeSet::new();
    if let Err(error) = schemas.validate(json, *index) {
        collect(&error, json, &mut places);
    }
    places
}

fn collect(error: &ValidationError<'_, '_>, json: &Value, places: &mut BTreeSet<String>) {
    let place = place_of(error, json);
    match &error.kind {
        // These only group what they hold.
        ErrorKind::Group
        | ErrorKind::Schema { .. }
        | ErrorKind::Reference { .. }
        | ErrorKind::AllOf => {}
        ErrorKind::AdditionalProperties { got } => {
            places.extend(got.iter().map(|key| below(&place, key)));
        }
        _ => drop(places.insert(place)),
    }
    error.causes.iter().for_each(|cause| collect(cause, json, places));
}

fn below(place: &str, key: &str) -> String {
    if place.is_empty() { key.to_owned() } else { format!("{place}.{key}") }
}

fn place_of(error: &ValidationError<'_, '_>, json: &Value) -> String {
    let (mut place, mut here) = (String::new(), Some(json));
    for token in &error.instance_location.tokens {
        let key = match token {
            InstanceToken::Prop(key) => key.to_string(),
            InstanceToken::Item(index) => index.to_string(),
        };
        match here {
            Some(Value::Array(items)) => {
                place.push_str(&format!("[{key}]"));
                here = key.parse().ok().and_then(|index: usize| items.get(index));
            }
            _ => {
                place = below(&place, &key);
                here = here.and_then(|here| here.get(&key));
            }
        }
    }
    place
}

/// Whether the schema can't say what is wrong.
fn is_beyond(error: &ConfigError) -> bool {
    LIMITS.iter().any(|limit| error.to_string().contains(limit.says))
}

/// Holds the schema to what the reader has said of a configuration: what it accepts the
/// schema takes, and every mistake that a schema can say it says, at that place or around
/// it.
pub(in crate::config) fn hold(json: &str, errors: Option<&ConfigErrors>) {
    let Ok(value) = serde_json::from_str::<Value>(json) else { return };
    let faults = faults(&value);
    let Some(errors) = errors else {
        assert!(faults.is_empty(), "the schema refuses {json} at {faults:?}, not so the reader");
        return;
    };
    for error in errors.0.iter().filter(|error| !is_beyond(error)) {
        let around = error.place.rsplit_once(['.', '[']).map_or("", |(around, _)| around);
        let is_said = faults.contains(&error.place) || faults.contains(around);
        assert!(is_said, "of {json} the schema doesn't say {error}, but {faults:?}");
    }
}
