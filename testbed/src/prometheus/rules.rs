//! Files of recording and alert rules.

use std::collections::BTreeMap;
use std::path::Path;

use anyhow::{Context, Result};
use serde::Deserialize;

/// A rule of either kind.
#[derive(Clone, Debug, Deserialize)]
pub struct Rule {
    /// The name of what is recorded.
    pub record: Option<String>,
    /// The name of the alert.
    pub alert: Option<String>,
    /// The expression.
    pub expr: String,
    /// Labels to add.
    #[serde(default)]
    pub labels: BTreeMap<String, String>,
    /// What an alert says.
    #[serde(default)]
    pub annotations: BTreeMap<String, String>,
}

#[derive(Deserialize)]
struct File {
    groups: Vec<Group>,
}

#[derive(Deserialize)]
struct Group {
    rules: Vec<Rule>,
}

/// The rules in the file at `path`, in order.
pub fn read(path: &Path) -> Result<Vec<Rule>> {
    let text =
        std::fs::read_to_string(path).with_context(|| format!("can't read {}", path.display()))?;
    let file: File = serde_saphyr::from_str(&text)
        .map_err(|error| anyhow::anyhow!("{}: {error}", path.display()))?;
    Ok(file.groups.into_iter().flat_map(|group| group.rules).collect())
}
