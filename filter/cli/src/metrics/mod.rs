//! `heartbeatctl metrics`: the series that configurations define, and what makes labels of
//! what is in their names.

mod catalogue;
mod help;
mod print;
mod tags;

use std::io::{self, Write};

use clap::ValueEnum;
use heartbeat_core::base::metric::Metric;
use heartbeat_core::policy::Policy;
use heartbeat_mesh::config::HubConfig;
use heartbeat_mesh::metrics::Metrics;
use heartbeat_mesh::plan::Plan;

use crate::outcome::Outcome;
use crate::reading::{self, Refusal, configurations, environment};
use crate::source::{File, Found, Kind};
use catalogue::Catalogue;

/// Of which file, and what is to be printed.
#[derive(Debug, clap::Args)]
#[command(after_help = "\
A Wasm filter's metrics have no labels; these carry theirs in their names, and Envoy takes
them out, if it is told how:

  heartbeatctl metrics envoy.yaml                           what there is, for people
  heartbeatctl metrics --format stats-tags plugin.yaml      for the bootstrap of a stock Envoy
  heartbeatctl metrics --format istio wasmplugin.yaml       for the pod template of a workload")]
pub struct Arguments {
    /// The file with the configurations of the filter or the hub; `-` is standard input
    #[arg(value_name = "FILE")]
    file: String,
    /// What is printed
    #[arg(long, value_enum, default_value_t)]
    format: Format,
}

#[derive(Clone, Copy, Debug, Default, ValueEnum)]
enum Format {
    /// Everything, for people
    #[default]
    Text,
    /// Everything, as one JSON document
    Json,
    /// `stats_config` for the bootstrap of a stock Envoy, in YAML
    StatsTags,
    /// The annotation `extraStatTags` for Istio, in YAML
    Istio,
}

/// Prints what there is to say.
pub fn run(arguments: &Arguments, out: &mut dyn Write) -> io::Result<Outcome> {
    let catalogue = match read(&arguments.file) {
        Ok(catalogue) => catalogue,
        Err(refusal) => return Ok(refusal.tell()),
    };
    match arguments.format {
        Format::Text => print::text(&catalogue, out)?,
        Format::Json => print::json(&catalogue, out)?,
        Format::StatsTags => write!(out, "{}", tags::stats_config(&catalogue.labels()))?,
        Format::Istio => write!(out, "{}", tags::annotation(&catalogue.labels()))?,
    }
    Ok(Outcome::Fine)
}

fn read(path: &str) -> Result<Catalogue, Refusal> {
    let (file, all) = configurations(path)?;
    let mut catalogue = Catalogue::default();
    for found in &all {
        catalogue.add(&metrics(&file, found)?);
    }
    Ok(catalogue)
}

/// What a configuration has its module define.
fn metrics(file: &File, found: &Found) -> Result<Vec<Metric>, Refusal> {
    reading::read(file, found, |variables| match found.kind {
        Kind::Filter => {
            let policy = Policy::from_bytes(&found.bytes, &environment(found, variables))?;
            Ok(policy.metrics().to_vec())
        }
        Kind::Hub => {
            let Plan { owner, webhooks, .. } =
                Plan::of(HubConfig::from_bytes(&found.bytes, variables)?);
            Ok(Metrics::define(&owner.sources, &owner.services, &webhooks).1)
        }
    })
}

#[cfg(test)]
mod tests;
