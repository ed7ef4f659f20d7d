//! The two forms that Istio, Envoy Gateway and others fetch a module in.
//!
//! The media types are those of Solo's
//! [Wasm image specification](https://github.com/solo-io/wasm/tree/master/spec),
//! which both follow: the image is its "compat" variant, the artifact its "oci" one.

use std::collections::BTreeMap;

use anyhow::Result;
use serde_json::json;

use crate::archive;
use crate::blob::{Blob, sha256};
use crate::facts::Facts;

/// The file that the image's layer holds, by the name that fetchers look for.
pub const MODULE_FILE: &str = "plugin.wasm";

/// The manifest of both forms.
pub const MANIFEST: &str = "application/vnd.oci.image.manifest.v1+json";
/// The image's configuration.
pub const IMAGE_CONFIG: &str = "application/vnd.oci.image.config.v1+json";
/// The image's layer.
pub const IMAGE_LAYER: &str = "application/vnd.oci.image.layer.v1.tar+gzip";
/// The artifact's layer that tells which host the module is for.
pub const WASM_CONFIG: &str = "application/vnd.module.wasm.config.v1+json";
/// The artifact's layer that is the module.
pub const WASM_CONTENT: &str = "application/vnd.module.wasm.content.layer.v1+wasm";

/// Which of the two.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// An ordinary image of one layer with one file, [`MODULE_FILE`].
    Image,
    /// An artifact of two layers, one of which is the module.
    Artifact,
}

impl Kind {
    /// Both.
    pub const ALL: [Self; 2] = [Self::Image, Self::Artifact];

    /// Its name in file names and messages.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Image => "image",
            Self::Artifact => "artifact",
        }
    }

    /// What is put behind the tag. The image has the tag itself: it is the form that
    /// every tool knows.
    #[must_use]
    pub const fn tag_suffix(self) -> &'static str {
        match self {
            Self::Image => "",
            Self::Artifact => "-artifact",
        }
    }
}

/// A manifest and what it names.
#[derive(Clone, Debug)]
pub struct Form {
    /// The manifest.
    pub manifest: Blob,
    /// The configuration, then the layers.
    pub blobs: Vec<Blob>,
}

impl Form {
    /// Packs the module.
    pub fn new(kind: Kind, module: &[u8], facts: &Facts) -> Result<Self> {
        match kind {
            Kind::Image => image(module, facts),
            Kind::Artifact => Ok(artifact(module, facts)),
        }
    }

    fn of(blobs: Vec<Blob>, annotations: BTreeMap<String, String>) -> Self {
        let mut descriptors = blobs.iter().map(Blob::descriptor);
        let manifest = json!({
            "schemaVersion": 2,
            "mediaType": MANIFEST,
            "config": descriptors.next(),
            "layers": descriptors.collect::<Vec<_>>(),
            "annotations": annotations,
        });
        Self { manifest: Blob::json(MANIFEST, &manifest), blobs }
    }
}

/// As `FROM scratch` and `COPY plugin.wasm /` would make it.
fn image(module: &[u8], facts: &Facts) -> Result<Form> {
    let layer = archive::tar([(MODULE_FILE, module)])?;
    let config = json!({
        "created": facts.created,
        // A module runs on any, but an image must name one, and this one no tool
        // refuses or warns of.
        "os": "linux",
        "architecture": "amd64",
        "config": { "Labels": facts.labels() },
        "rootfs": { "type": "layers", "diff_ids": [format!("sha256:{}", sha256(&layer))] },
        "history": [{ "created": facts.created, "created_by": format!("COPY {MODULE_FILE} /") }],
    });
    let blobs =
        vec![Blob::json(IMAGE_CONFIG, &config), Blob::new(IMAGE_LAYER, archive::gzip(&layer)?)];
    let mut annotations = facts.labels();
    // The specification wants it of OCI images.
    annotations.insert("module.wasm.image/variant".into(), "compat".into());
    Ok(Form::of(blobs, annotations))
}

fn artifact(module: &[u8], facts: &Facts) -> Form {
    let runtime = json!({ "type": "envoy_proxy", "abiVersions": ["0.2.1"], "config": {} });
    let blobs = vec![
        // Its type makes the manifest an artifact; there is nothing to say in it.
        Blob::json(WASM_CONFIG, &json!({})),
        Blob::json(WASM_CONFIG, &runtime).named("runtime-config.json"),
        Blob::new(WASM_CONTENT, module.to_vec()).named(MODULE_FILE),
    ];
    Form::of(blobs, facts.labels())
}
