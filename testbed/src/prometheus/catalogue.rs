//! Which metrics there should be: those that the README names, and the counters of a
//! configuration.

use std::collections::{BTreeMap, BTreeSet};

use anyhow::{Context, Result, ensure};
use regex::Regex;
use serde_json::Value;

use crate::tools;

/// Names of labels by the metric's name.
pub type Catalogue = BTreeMap<String, BTreeSet<String>>;

/// The metrics in the README's table.
pub fn of_readme() -> Result<Catalogue> {
    let path = tools::workspace().join("README.md");
    let readme = std::fs::read_to_string(path).context("can't read README.md")?;
    let named = in_table(&readme)?;
    ensure!(!named.is_empty(), "README.md has lost its table of metrics");
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

/// Reads the table in the section `Metrics`: what its first column has in backquotes.
fn in_table(readme: &str) -> Result<Catalogue> {
    let section = readme.split("\n## ").find(|section| section.starts_with("Metrics\n"));
    let section = section.context("README.md has no section \"Metrics\"")?;
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
        let readme = "# A\n\n## Metrics\n\n| metric | meaning |\n|---|---|\n\
                      | `a_total{x, y}` | of `z` |\n| `b` | |\n| every counter | under its own name |\n\
                      \n`c{x}` too\n\n## Limits\n\n| `d` | |\n";
        let catalogue = in_table(readme).unwrap();
        assert_eq!(catalogue.keys().collect::<Vec<_>>(), ["a_total", "b"]);
        assert_eq!(labels(&catalogue).into_iter().collect::<Vec<_>>(), ["x", "y"]);
        assert!(in_table("# A\n").is_err());
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
