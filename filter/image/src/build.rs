//! Packs the modules and writes everything that a release has.

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;

use anyhow::{Context, Result};

use crate::blob::sha256;
use crate::crates::{self, Crate, Id};
use crate::facts::Facts;
use crate::forms::{Form, Kind};
use crate::layout::Files;
use crate::product::{self, Product};
use crate::{layout, sbom};

/// The checksums' name, in the form that `sha256sum --check` reads.
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

/// Writes everything into `out`, which holds the modules, in place of what an earlier
/// build left there. Says the checksums that whoever loads a module asks for.
pub fn build(workspace: &Path, out: &Path, info: &BuildInfo) -> Result<String> {
    let modules = product::ALL.map(|product| {
        let path = out.join(product.module);
        let module = fs::read(&path);
        let module =
            module.with_context(|| format!("can't read {}; run `make build`", path.display()))?;
        Ok((product, module))
    });
    let modules = modules.into_iter().collect::<Result<Vec<_>>>()?;

    let images = out.join(IMAGES);
    if images.exists() {
        fs::remove_dir_all(&images).with_context(|| format!("can't empty {}", images.display()))?;
    }
    let (mut said, mut sums, mut files) = (String::new(), String::new(), Files::new());
    for (product, module) in &modules {
        let packed = pack(product, module, workspace, out, info)?;
        said += &packed.said;
        sums += &sum(product.module, module);
        files.extend(packed.files);
    }
    sums.extend(files.iter().map(|(path, bytes)| sum(path, bytes)));
    files.insert(SUMS.into(), sums.into_bytes());
    layout::write(&files, out)?;
    Ok(said)
}

/// What one module becomes, but for its layouts.
struct Packed {
    said: String,
    files: Files,
}

/// Packs one module, and writes its layouts.
fn pack(
    product: &'static Product,
    module: &[u8],
    workspace: &Path,
    out: &Path,
    info: &BuildInfo,
) -> Result<Packed> {
    let crates = crates::read(workspace, product.name)?;
    let facts = facts(product, info, &crates)?;
    let images = out.join(IMAGES).join(product.folder);
    let mut said = line("module", &sha256(module), &out.join(product.module));
    let mut files = Files::new();
    for kind in Kind::ALL {
        let form = Form::new(kind, module, &facts)?;
        let tag = format!("{}{}", facts.tag(), kind.tag_suffix());
        layout::write(&layout::files(&form, product.name, &tag), &images.join(kind.name()))?;
        let archive = format!("{IMAGES}/{}-{tag}.tar", product.name);
        said += &line(kind.name(), &sha256(&form.manifest.bytes), &out.join(&archive));
        files.insert(archive, layout::archive(&form, product.name, &tag)?);
    }
    let sbom = sbom::sbom(module, &crates, &facts);
    files.insert(product.sbom.into(), format!("{sbom:#}\n").into_bytes());
    Ok(Packed { said, files })
}

fn line(what: &str, sum: &str, path: &Path) -> String {
    format!("{what:8} sha256:{sum}  {}\n", path.display())
}

fn sum(path: &str, bytes: &[u8]) -> String {
    format!("{}  {path}\n", sha256(bytes))
}

fn facts(
    product: &'static Product,
    info: &BuildInfo,
    crates: &BTreeMap<Id, Crate>,
) -> Result<Facts> {
    let root = product.name;
    let (id, known) = crates
        .iter()
        .find(|(id, _)| id.name == root)
        .with_context(|| format!("cargo knows no {root}"))?;
    Ok(Facts {
        product,
        version: id.version.clone(),
        revision: info.revision.clone(),
        source: info.source.clone().or_else(|| known.repository.clone()),
        license: known.license.clone().with_context(|| format!("{root} has no license"))?,
        created: info.created.clone(),
        rust: info.rust.clone(),
    })
}
