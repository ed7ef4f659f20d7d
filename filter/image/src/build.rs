//! Packs the module and writes everything that a release has.

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;

use anyhow::{Context, Result};

use crate::blob::sha256;
use crate::crates::{self, Crate, Id, ROOT};
use crate::facts::{Facts, NAME};
use crate::forms::{Form, Kind};
use crate::layout::Files;
use crate::{layout, sbom};

/// The module's name in what is written.
pub const MODULE: &str = "heartbeat_filter.wasm";
/// The SBOM's.
pub const SBOM: &str = "heartbeat_filter.cdx.json";
/// The checksums', in the form that `sha256sum --check` reads.
pub const SUMS: &str = "SHA256SUMS";
/// The folder of the layouts and their archives.
pub const IMAGES: &str = "image";

/// What a build is given; the rest cargo knows.
pub struct BuildInfo {
    /// The commit, as `scripts/revision.sh` prints it.
    pub revision: String,
    /// A URL; none: what Cargo.toml says, if it does.
    pub source: Option<String>,
    /// An RFC 3339 time.
    pub created: String,
    /// The version of the compiler.
    pub rust: String,
}

/// Writes everything into `out`, which holds the module, in place of what an earlier
/// build left there. Says the checksums that whoever loads the module asks for.
pub fn build(workspace: &Path, out: &Path, info: BuildInfo) -> Result<String> {
    let path = out.join(MODULE);
    let module = fs::read(&path)
        .with_context(|| format!("can't read {}; run `make build`", path.display()))?;
    let crates = crates::read(workspace)?;
    let facts = facts(info, &crates)?;

    let images = out.join(IMAGES);
    if images.exists() {
        fs::remove_dir_all(&images).with_context(|| format!("can't empty {}", images.display()))?;
    }
    let mut said = line("module", &sha256(&module), &path);
    let mut files = Files::new();
    for kind in Kind::ALL {
        let form = Form::new(kind, &module, &facts)?;
        let tag = format!("{}{}", facts.tag(), kind.tag_suffix());
        layout::write(&layout::files(&form, &tag), &images.join(kind.name()))?;
        let archive = format!("{IMAGES}/{NAME}-{tag}.tar");
        said += &line(kind.name(), &sha256(&form.manifest.bytes), &out.join(&archive));
        files.insert(archive, layout::archive(&form, &tag)?);
    }
    let sbom = sbom::sbom(&module, &crates, &facts);
    files.insert(SBOM.into(), format!("{sbom:#}\n").into_bytes());
    files.insert(SUMS.into(), sums(&module, &files).into_bytes());
    layout::write(&files, out)?;
    Ok(said)
}

fn line(what: &str, sum: &str, path: &Path) -> String {
    format!("{what:8} sha256:{sum}  {}\n", path.display())
}

fn facts(info: BuildInfo, crates: &BTreeMap<Id, Crate>) -> Result<Facts> {
    let (id, root) = crates
        .iter()
        .find(|(id, _)| id.name == ROOT)
        .with_context(|| format!("cargo knows no {ROOT}"))?;
    Ok(Facts {
        version: id.version.clone(),
        revision: info.revision,
        source: info.source.or_else(|| root.repository.clone()),
        license: root.license.clone().with_context(|| format!("{ROOT} has no license"))?,
        created: info.created,
        rust: info.rust,
    })
}

fn sums(module: &[u8], files: &Files) -> String {
    let files = files.iter().map(|(path, bytes)| (path.as_str(), bytes.as_slice()));
    [(MODULE, module)]
        .into_iter()
        .chain(files)
        .map(|(path, bytes)| format!("{}  {path}\n", sha256(bytes)))
        .collect()
}
