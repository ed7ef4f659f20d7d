//! An Envoy's `configuration` may be of any type, of which only few come to the module as
//! JSON.

use crate::check::finding::{Finding, Rule};
use crate::source::{File, Form, Found, Loaded};

/// Those that come as what stands in them.
const UNWRAPPED: [&str; 2] = ["google.protobuf.StringValue", "google.protobuf.Struct"];

pub fn look(_: &File, _: &Found, loaded: &Loaded) -> Vec<Finding> {
    if loaded.form != Form::Envoy {
        return Vec::new();
    }
    let Some(any) = loaded.plugin.field("configuration") else { return Vec::new() };
    let name = any.get("@type").and_then(|url| url.text());
    let problem = match name.map(|url| url.rsplit('/').next().unwrap_or(url)) {
        Some(name) if UNWRAPPED.contains(&name) => return Vec::new(),
        Some(name) => format!("is a {name}, which doesn't come to the module as JSON"),
        None => "has no \"@type\", without which Envoy refuses it".to_owned(),
    };
    let problem = format!(
        "{problem}; write \"@type\": type.googleapis.com/google.protobuf.StringValue and the JSON \
         as text in \"value\", or google.protobuf.Struct and an object"
    );
    let position = loaded.document.position(any);
    vec![Finding::new(Rule::ConfigurationType, position, "configuration", problem)]
}
