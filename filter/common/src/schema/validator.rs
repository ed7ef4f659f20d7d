//! The schema, asked about configurations.

use std::collections::BTreeSet;

use boon::{Compiler, ErrorKind, InstanceToken, SchemaIndex, Schemas, ValidationError};
use serde_json::Value;

use super::{Limit, Schema};
use crate::reader::errors::{ConfigError, ConfigErrors};

/// A schema, ready to be asked.
pub struct Compiled {
    schemas: Schemas,
    index: SchemaIndex,
}

impl Compiled {
    /// Whether it takes a value.
    pub fn takes(&self, json: &Value) -> bool {
        self.schemas.validate(json, self.index).is_ok()
    }

    /// Of the text of a schema.
    pub fn new(schema: &str) -> Self {
        let mut schemas = Schemas::new();
        let mut compiler = Compiler::new();
        let schema = serde_json::from_str(schema).unwrap();
        compiler.add_resource("file:///schema.json", schema).unwrap();
        let index = compiler.compile("file:///schema.json", &mut schemas).unwrap();
        Self { schemas, index }
    }
}

impl Schema {
    /// The places that the schema finds fault with, written as the reader writes them.
    pub fn faults(&self, json: &Value) -> BTreeSet<String> {
        let compiled = self.compiled.get_or_init(|| Compiled::new(&self.write()));
        let mut places = BTreeSet::new();
        if let Err(error) = compiled.schemas.validate(json, compiled.index) {
            collect(&error, json, &mut places);
        }
        places
    }

    /// Holds the schema to what the reader has said of a configuration: what it accepts the
    /// schema takes, and every mistake that a schema can say it says, at that place or around
    /// it.
    pub fn hold(&self, json: &str, errors: Option<&ConfigErrors>) {
        let Ok(value) = serde_json::from_str::<Value>(json) else { return };
        let faults = self.faults(&value);
        let Some(errors) = errors else {
            assert!(
                faults.is_empty(),
                "the schema refuses {json} at {faults:?}, not so the reader"
            );
            return;
        };
        for error in errors.0.iter().filter(|error| !self.is_beyond(error)) {
            let around = error.place.rsplit_once(['.', '[']).map_or("", |(around, _)| around);
            let is_said = faults.contains(&error.place) || faults.contains(around);
            assert!(is_said, "of {json} the schema doesn't say {error}, but {faults:?}");
        }
    }

    /// Holds the list of what the schema can't say to it, and to what the reader has said of
    /// an example.
    pub fn hold_limit(&self, limit: &Limit, example: &str, errors: &ConfigErrors) {
        let said: Vec<String> = errors.0.iter().map(ToString::to_string).collect();
        assert!(said.iter().all(|said| said.contains(limit.says)), "{said:?}: {}", limit.says);
        let found = self.faults(&serde_json::from_str(example).unwrap());
        assert!(found.is_empty(), "a schema can say it: {}; {}", limit.says, limit.why);
    }

    fn is_beyond(&self, error: &ConfigError) -> bool {
        self.limits.iter().any(|limit| error.to_string().contains(limit.says))
    }
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
