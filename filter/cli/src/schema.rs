//! `heartbeatctl schema`: the JSON schemas of what people and programs write.

use std::io::{self, Write};

use clap::ValueEnum;

use crate::outcome::Outcome;

/// Which schema.
#[derive(Debug, clap::Args)]
pub struct Arguments {
    /// What it describes
    #[arg(value_enum, default_value_t)]
    of: Described,
}

#[derive(Clone, Copy, Debug, Default, ValueEnum)]
enum Described {
    /// The filter's configuration (pluginConfig)
    #[default]
    Filter,
    /// The hub's configuration
    Hub,
    /// The events that publishers send to a hub
    Event,
    /// The resources of Istio and Envoy Gateway that hold a configuration of the filter
    Kubernetes,
}

impl Described {
    fn schema(self) -> &'static str {
        match self {
            Self::Filter => include_str!("../../../envoy-config/schema/heartbeat.schema.json"),
            Self::Hub => include_str!("../../../envoy-config/schema/heartbeat-hub.schema.json"),
            Self::Event => include_str!("../../../envoy-config/schema/health-event.schema.json"),
            Self::Kubernetes => {
                include_str!("../../../envoy-config/schema/kubernetes.schema.json")
            }
        }
    }
}

pub fn print(arguments: &Arguments, out: &mut dyn Write) -> io::Result<Outcome> {
    out.write_all(arguments.of.schema().as_bytes())?;
    Ok(Outcome::Fine)
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::Value;

    #[test]
    fn every_schema_is_json_that_says_what_it_describes() {
        for of in Described::value_variants() {
            let mut out = Vec::new();
            print(&Arguments { of: *of }, &mut out).unwrap();
            let schema: Value = serde_json::from_slice(&out).unwrap();
            assert!(schema["$schema"].is_string() && schema["title"].is_string(), "{of:?}");
        }
    }
}
