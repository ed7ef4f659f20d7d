//! The crates that are in a module, as cargo resolves them for it.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;
use std::process::Command;
use std::{env, fs};

use anyhow::{Context, Result, bail, ensure};
use serde::Deserialize;

const TARGET: &str = "wasm32-wasip1";

/// A crate by name and version, as Cargo.lock names it.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Deserialize)]
pub struct Id {
    /// Its name.
    pub name: String,
    /// Its version.
    pub version: String,
}

/// What cargo knows of a crate.
#[derive(Clone, Debug, Default, Deserialize)]
pub struct Crate {
    /// An SPDX expression, or the older form with `/` for OR.
    pub license: Option<String>,
    /// One sentence.
    pub description: Option<String>,
    /// Where its source is.
    pub repository: Option<String>,
    /// The registry that it came from; none for the workspace's own.
    pub source: Option<String>,
    /// SHA-256 of the package that the registry served.
    #[serde(skip)]
    pub checksum: Option<String>,
    /// The crates that it uses, among those in the module.
    #[serde(skip)]
    pub uses: BTreeSet<Id>,
}

/// The crates in the module that `root` becomes, itself among them: no build scripts, no macros, no
/// tests, nothing that only another crate of the workspace wants.
pub fn read(workspace: &Path, root: &str) -> Result<BTreeMap<Id, Crate>> {
    let tree = cargo(
        workspace,
        &[
            // The one command that resolves features for one package alone.
            "tree",
            "--locked",
            "--package",
            root,
            "--target",
            TARGET,
            "--edges",
            "normal,no-proc-macro",
            "--no-dedupe",
            "--prefix",
            "depth",
            "--format",
            "{p}",
        ],
    )?;
    let metadata = cargo(
        workspace,
        &["metadata", "--locked", "--format-version", "1", "--filter-platform", TARGET],
    )?;
    let lock = workspace.join("Cargo.lock");
    let lock =
        fs::read_to_string(&lock).with_context(|| format!("can't read {}", lock.display()))?;
    describe(uses(&tree)?, &metadata, &lock)
}

fn cargo(workspace: &Path, arguments: &[&str]) -> Result<String> {
    let program = env::var_os("CARGO").unwrap_or_else(|| "cargo".into());
    let output = Command::new(program)
        .args(arguments)
        .current_dir(workspace)
        .output()
        .context("can't start cargo; is Rust installed?")?;
    let error = String::from_utf8_lossy(&output.stderr);
    ensure!(output.status.success(), "cargo {} failed:\n{error}", arguments.join(" "));
    Ok(String::from_utf8(output.stdout)?)
}

/// Who uses whom, from lines such as `2serde v1.0.0` that come in the tree's order.
fn uses(tree: &str) -> Result<BTreeMap<Id, BTreeSet<Id>>> {
    let mut uses: BTreeMap<Id, BTreeSet<Id>> = BTreeMap::new();
    let mut way: Vec<Id> = Vec::new();
    for line in tree.lines().filter(|line| !line.is_empty()) {
        let (depth, id) = parse(line).with_context(|| format!("can't read cargo's `{line}`"))?;
        way.truncate(depth);
        if let Some(user) = way.last() {
            uses.entry(user.clone()).or_default().insert(id.clone());
        }
        uses.entry(id.clone()).or_default();
        way.push(id);
    }
    Ok(uses)
}

fn parse(line: &str) -> Option<(usize, Id)> {
    let digits = line.find(|character: char| !character.is_ascii_digit())?;
    let (depth, package) = line.split_at_checked(digits)?;
    let (name, rest) = package.split_once(" v")?;
    let version = rest.split(' ').next()?;
    Some((depth.parse().ok()?, Id { name: name.to_owned(), version: version.to_owned() }))
}

#[derive(Deserialize)]
struct Metadata {
    packages: Vec<Package>,
}

#[derive(Deserialize)]
struct Package {
    #[serde(flatten)]
    id: Id,
    #[serde(flatten)]
    known: Crate,
}

#[derive(Deserialize)]
struct Lock {
    package: Vec<Locked>,
}

#[derive(Deserialize)]
struct Locked {
    #[serde(flatten)]
    id: Id,
    checksum: Option<String>,
}

fn describe(
    uses: BTreeMap<Id, BTreeSet<Id>>,
    metadata: &str,
    lock: &str,
) -> Result<BTreeMap<Id, Crate>> {
    let metadata: Metadata = serde_json::from_str(metadata).context("cargo's metadata")?;
    let lock: Lock = toml::from_str(lock).context("Cargo.lock")?;
    let mut known: BTreeMap<_, _> =
        metadata.packages.into_iter().map(|package| (package.id, package.known)).collect();
    let mut checksums: BTreeMap<_, _> =
        lock.package.into_iter().map(|locked| (locked.id, locked.checksum)).collect();

    uses.into_iter()
        .map(|(id, uses)| {
            let Some(known) = known.remove(&id) else {
                bail!("cargo has {} {} in its tree and not in its metadata", id.name, id.version);
            };
            let checksum = checksums.remove(&id).flatten();
            Ok((id, Crate { uses, checksum, ..known }))
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn id(name: &str, version: &str) -> Id {
        Id { name: name.into(), version: version.into() }
    }

    #[test]
    fn the_tree_tells_who_uses_whom() {
        let tree =
            "0root v0.1.0 (/a path)\n1left v1.0.0\n2leaf v2.0.0+x\n1right v1.0.0\n2leaf v2.0.0+x\n";
        let uses = uses(tree).unwrap();
        let root = BTreeSet::from([id("left", "1.0.0"), id("right", "1.0.0")]);
        let leaf = BTreeSet::from([id("leaf", "2.0.0+x")]);
        assert_eq!(uses.len(), 4);
        assert_eq!(uses[&id("root", "0.1.0")], root);
        assert_eq!(uses[&id("left", "1.0.0")], leaf);
        assert_eq!(uses[&id("right", "1.0.0")], leaf);
        assert_eq!(uses[&id("leaf", "2.0.0+x")], BTreeSet::new());
    }

    #[test]
    fn a_line_that_is_no_crate_is_refused() {
        assert!(uses("0root v0.1.0\n[build-dependencies]").is_err());
    }

    #[test]
    fn a_crate_is_described_by_metadata_and_lock() {
        let uses = BTreeMap::from([(id("a", "1.0.0"), BTreeSet::new())]);
        let metadata = r#"{ "packages": [ { "name": "a", "version": "1.0.0", "license": "MIT",
            "description": null, "repository": null, "source": "registry" } ] }"#;
        let lock = "[[package]]\nname = \"a\"\nversion = \"1.0.0\"\nchecksum = \"00\"\n";
        let crates = describe(uses.clone(), metadata, lock).unwrap();
        let found = &crates[&id("a", "1.0.0")];
        assert_eq!(found.license.as_deref(), Some("MIT"));
        assert_eq!(found.checksum.as_deref(), Some("00"));
        assert!(describe(uses, r#"{ "packages": [] }"#, lock).is_err());
    }
}
