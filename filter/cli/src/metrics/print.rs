//! How the metrics of configurations are written.

use std::io::{self, Write};

use serde_json::{Value, json};

use super::catalogue::{Catalogue, Entry};
use super::{help, tags};
use crate::columns::{columns, wrapped};

const OF_CONFIGURATION: &str = "a counter of this configuration";

fn help(name: &str) -> String {
    help::help(name).unwrap_or_else(|| OF_CONFIGURATION.to_owned())
}

/// For people.
pub fn text(catalogue: &Catalogue, out: &mut dyn Write) -> io::Result<()> {
    for (name, entry) in catalogue.entries() {
        let count = match entry.series.len() {
            1 => "1 series".to_owned(),
            count => format!("{count} series"),
        };
        writeln!(out, "{name}  ({}, {count})", entry.kind())?;
        write!(out, "{}", wrapped(&help(name), 4))?;
        let values = entry.values();
        let rows = values.iter().map(|(label, values)| {
            [(*label).to_owned(), values.iter().copied().collect::<Vec<_>>().join(", ")]
        });
        write!(out, "{}", columns(rows.collect(), 6))?;
        writeln!(out)?;
    }
    let labels = catalogue.labels();
    writeln!(out, "# For a stock Envoy, into its bootstrap:\n{}", tags::stats_config(&labels))?;
    write!(out, "# For Istio, into a workload's pod template:\n{}", tags::annotation(&labels))
}

/// For programs.
pub fn json(catalogue: &Catalogue, out: &mut dyn Write) -> io::Result<()> {
    let labels = catalogue.labels();
    let metrics: Vec<_> = catalogue.entries().map(|(name, entry)| metric(name, entry)).collect();
    let tags = labels
        .iter()
        .map(|label| json!({ "tag_name": label, "regex": tags::regex(label) }))
        .collect::<Vec<_>>();
    let document = json!({
        "metrics": metrics,
        "stats_tags": tags,
        "extraStatTags": tags::list(&labels),
    });
    serde_json::to_writer_pretty(&mut *out, &document)?;
    writeln!(out)
}

fn metric(name: &str, entry: &Entry) -> Value {
    json!({
        "name": name,
        "type": entry.kind(),
        "help": help(name),
        "labels": entry.values(),
        "series": entry.series,
    })
}
