//! JSON schemas that bodies are held against: `testbed/schemas/*.json`.

use std::fmt;
use std::sync::Arc;

use anyhow::{Context, Result, anyhow};
use boon::{Compiler, Draft, SchemaIndex, Schemas};
use serde::Deserialize;
use serde_json::Value;

use crate::tools;

/// A schema in a file; formats such as `date-time` are checked too.
#[derive(Clone, Deserialize)]
#[serde(try_from = "String")]
pub struct Schema {
    name: String,
    compiled: Arc<(Schemas, SchemaIndex)>,
}

impl Schema {
    /// What is wrong with `body`, if anything.
    pub fn fault(&self, body: &Value) -> Option<String> {
        let (schemas, index) = &*self.compiled;
        // The first line names the schema by its full path.
        let reasons = |error: boon::ValidationError<'_, '_>| {
            let text = error.to_string();
            let lines = text.lines().skip(1).map(|line| line.trim_start_matches([' ', '-']));
            lines.collect::<Vec<_>>().join("; ")
        };
        let error = schemas.validate(body, *index).err()?;
        Some(format!("body: not as in {}: {}", self.name, reasons(error)))
    }
}

impl TryFrom<String> for Schema {
    type Error = anyhow::Error;

    fn try_from(name: String) -> Result<Self> {
        let path = tools::schemas().join(&name);
        let path = path.to_str().context("the path isn't UTF-8")?;
        let mut compiler = Compiler::new();
        compiler.set_default_draft(Draft::V2020_12);
        compiler.enable_format_assertions();
        let mut schemas = Schemas::new();
        let index = compiler
            .compile(path, &mut schemas)
            .map_err(|error| anyhow!("schema {name}: {error:#}"))?;
        Ok(Self { name, compiled: Arc::new((schemas, index)) })
    }
}

impl fmt::Debug for Schema {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Schema").field(&self.name).finish()
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn fault(body: Value) -> Option<String> {
        Schema::try_from("harness.schema.json".to_owned()).unwrap().fault(&body)
    }

    #[test]
    fn a_body_is_held_against_the_schema() {
        assert_eq!(fault(json!({ "status": "ok" })), None);
        assert_eq!(fault(json!({ "status": "ok", "time": "2026-01-02T03:04:05Z" })), None);
        for (wrong, word) in [
            (json!({}), "status"),
            (json!([]), "object"),
            (json!({ "status": "shipped" }), "/status"),
            (json!({ "status": "ok", "time": "yesterday" }), "date-time"),
            (json!({ "status": "ok", "more": 1 }), "more"),
        ] {
            let fault = fault(wrong).unwrap();
            assert!(fault.starts_with("body: not as in harness.schema.json: at "), "{fault}");
            assert!(fault.contains(word), "{fault}");
        }
    }

    #[test]
    fn a_schema_that_is_not_there_is_named() {
        let error = Schema::try_from("nowhere.json".to_owned()).unwrap_err();
        assert!(error.to_string().contains("schema nowhere.json"), "{error:#}");
    }
}
