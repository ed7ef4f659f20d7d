//! Files of recording and alert rules.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result, ensure};
use serde::Deserialize;
use serde::de::DeserializeOwned;

use super::config::shipped;

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

/// What names rule files: a configuration of Prometheus, or tests for promtool.
#[derive(Deserialize)]
struct Naming {
    rule_files: Vec<PathBuf>,
}

/// The rule files that the shipped `prometheus.yml` names, in its order.
pub fn files() -> Result<Vec<PathBuf>> {
    files_named_in(&shipped().join("prometheus.yml"))
}

/// The rule files that the file at `path` names.
pub fn files_named_in(path: &Path) -> Result<Vec<PathBuf>> {
    let Naming { rule_files } = parse(path)?;
    let folder = path.parent().unwrap_or(Path::new(""));
    Ok(rule_files.into_iter().map(|file| folder.join(file)).collect())
}

/// The shipped tests for them, for `promtool test rules`.
pub fn test_files() -> Result<Vec<PathBuf>> {
    shipped_as("-tests.yml")
}

/// The shipped files whose names end in `ending`.
pub fn shipped_as(ending: &str) -> Result<Vec<PathBuf>> {
    let entries = std::fs::read_dir(shipped())?.collect::<std::io::Result<Vec<_>>>()?;
    let paths = entries.into_iter().map(|entry| entry.path());
    let mut paths: Vec<_> = paths.filter(|it| it.to_string_lossy().ends_with(ending)).collect();
    paths.sort();
    ensure!(!paths.is_empty(), "no *{ending} in {}", shipped().display());
    Ok(paths)
}

/// All shipped rules, in order.
pub fn all() -> Result<Vec<Rule>> {
    files()?.iter().map(|path| read(path)).collect::<Result<Vec<_>>>().map(|all| all.concat())
}

/// The rules in the file at `path`, in order.
pub fn read(path: &Path) -> Result<Vec<Rule>> {
    let file: File = parse(path)?;
    Ok(file.groups.into_iter().flat_map(|group| group.rules).collect())
}

/// The rules, or the tests of rules, in the file at `path`.
pub fn parse<T: DeserializeOwned>(path: &Path) -> Result<T> {
    let text =
        std::fs::read_to_string(path).with_context(|| format!("can't read {}", path.display()))?;
    // Most cases name again what one of them shows; nobody else writes these files.
    let budget = serde_saphyr::budget! { enforce_alias_anchor_ratio: false };
    let options = serde_saphyr::options! { budget: budget };
    serde_saphyr::from_str_with_options(&text, options)
        .map_err(|error| anyhow::anyhow!("{}: {error}", path.display()))
}
