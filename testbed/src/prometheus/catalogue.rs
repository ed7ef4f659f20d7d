//! Which metrics there should be: those that the reference names, and the counters of a
//! configuration.

use std::collections::{BTreeMap, BTreeSet};

use anyhow::{Context, Result, ensure};
use regex::Regex;
use serde_json::Value;

use crate::tools;

/// Names of labels by the metric's name.
pub type Catalogue = BTreeMap<String, BTreeSet<String>>;

/// The page that names every metric.
const REFERENCE: &str = "docs/reference/metrics.md";

/// The metrics of the filter, in the reference's first table.
pub fn of_reference() -> Result<Catalogue> {
    tabled(&reference()?)
}

/// The metrics of the hub, which have a section of their own there.
pub fn of_hub() -> Result<Catalogue> {
    let page = reference()?;
    let (_, section) = page.split_once("\n## Of the hub\n").context("no section of the hub's")?;
    tabled(section)
}

fn reference() -> Result<String> {
    let path = tools::workspace().join(REFERENCE);
    std::fs::read_to_string(path).with_context(|| format!("can't read {REFERENCE}"))
}

fn tabled(page: &str) -> Result<Catalogue> {
    let named = in_table(page)?;
    ensure!(!named.is_empty(), "{REFERENCE} has lost a table of metrics");
    Ok(named)
}

/// The counters of a plugin configuration.
pub fn of_counters(plugin_config: &Value) -> Catalogue {
    let counters = plugin_config["counters"].as_array().into_iter().flatten();
    counters
        .map(|counter| {
            let labels = counter["labels"].as_object().into_iter().flatten();
            let name = counter["name"].as_str().unwrap_or_default();
            (name.to_owned(), labels.map(|(label, _)| label.clone()).collect())
        })
        .collect()
}

/// Every label that any of the metrics has.
pub fn labels(catalogue: &Catalogue) -> BTreeSet<String> {
    catalogue.values().flatten().cloned().collect()
}

/// Reads the table in front of the first section: what its first column has in backquotes.
fn in_table(page: &str) -> Result<Catalogue> {
    let section = page.split("\n## ").next().context("an empty page")?;
    let metric = Regex::new(r"`([a-z][a-z0-9_]*)(?:\{([a-z_, ]+)\})?`")?;
    let first_cells =
        section.lines().filter_map(|line| line.strip_prefix("| ")?.split(" |").next());
    Ok(first_cells
        .flat_map(|cell| metric.captures_iter(cell))
        .map(|found| {
            let labels = found.get(2).map_or("", |labels| labels.as_str());
            let labels = labels.split(',').map(str::trim).filter(|label| !label.is_empty());
            (found[1].to_owned(), labels.map(str::to_owned).collect())
        })
        .collect())
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn a_table_names_metrics_and_their_labels() {
        let page = "# Metrics\n\n| metric | meaning |\n|---|---|\n\
                      | `a_total{x, y}` | of `z` |\n| `b` | |\n| every counter | under its own name |\n\
                      \n`c{x}` too\n\n## Limits\n\n| `d` | |\n";
        let catalogue = in_table(page).unwrap();
        assert_eq!(catalogue.keys().collect::<Vec<_>>(), ["a_total", "b"]);
        assert_eq!(labels(&catalogue).into_iter().collect::<Vec<_>>(), ["x", "y"]);
    }

    #[test]
    fn counters_are_metrics_with_their_own_labels() {
        let config = json!({ "counters": [
            { "name": "plain", "when": {} },
            { "name": "labelled", "when": {}, "labels": { "tier": {} } } ] });
        let catalogue = of_counters(&config);
        assert!(catalogue["plain"].is_empty());
        assert_eq!(catalogue["labelled"].iter().collect::<Vec<_>>(), ["tier"]);
        assert!(of_counters(&json!({})).is_empty());
    }
}
