//! Image layouts: a form as files, in a folder or in an archive
//! ([OCI image layout](https://github.com/opencontainers/image-spec/blob/main/image-layout.md)).

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;

use anyhow::{Context, Result, bail};
use serde::Deserialize;
use serde_json::json;

use crate::archive;
use crate::blob::Blob;
use crate::forms::{Form, IMAGE_CONFIG};

const INDEX: &str = "application/vnd.oci.image.index.v1+json";

/// The files of a layout, by their paths in it.
pub type Files = BTreeMap<String, Vec<u8>>;

/// The layout of one form that has this name and tag.
pub fn files(form: &Form, name: &str, tag: &str) -> Files {
    let mut manifest = form.manifest.descriptor();
    if let Some(fields) = manifest.as_object_mut() {
        // The first is OCI's; by the second, Docker's containerd store names an image.
        let annotations = json!({
            "org.opencontainers.image.ref.name": tag,
            "io.containerd.image.name": format!("docker.io/library/{name}:{tag}"),
        });
        fields.insert("annotations".into(), annotations);
    }
    let index = json!({ "schemaVersion": 2, "mediaType": INDEX, "manifests": [manifest] });
    let mut files: Files = form
        .blobs
        .iter()
        .chain([&form.manifest])
        .map(|blob| (path(&blob.digest()), blob.bytes.clone()))
        .collect();
    files.insert("index.json".into(), index.to_string().into_bytes());
    files.insert("oci-layout".into(), br#"{"imageLayoutVersion":"1.0.0"}"#.to_vec());
    files
}

/// The layout as an archive. An image's can also be given to `docker load`, which
/// before Docker 25 knows only the file added here.
pub fn archive(form: &Form, name: &str, tag: &str) -> Result<Vec<u8>> {
    let mut files = files(form, name, tag);
    if let [config, layers @ ..] = form.blobs.as_slice()
        && config.media_type == IMAGE_CONFIG
    {
        let manifest = json!([{
            "Config": path(&config.digest()),
            "RepoTags": [format!("{name}:{tag}")],
            "Layers": layers.iter().map(|layer| path(&layer.digest())).collect::<Vec<_>>(),
        }]);
        files.insert("manifest.json".into(), manifest.to_string().into_bytes());
    }
    archive::tar(files.iter().map(|(path, bytes)| (path.as_str(), bytes.as_slice())))
}

/// Writes the files into `folder`, which it makes.
pub fn write(files: &Files, folder: &Path) -> Result<()> {
    for (path, bytes) in files {
        let path = folder.join(path);
        if let Some(parent) = path.parent() {
            fs::create_dir_all(parent)?;
        }
        fs::write(&path, bytes).with_context(|| format!("can't write {}", path.display()))?;
    }
    Ok(())
}

/// The manifest of the layout in `folder`, and the blobs that it names.
pub fn read(folder: &Path) -> Result<(Blob, Vec<Blob>)> {
    let index: Index = serde_json::from_slice(&content(folder, "index.json")?)?;
    let [manifest] = index.manifests.as_slice() else {
        bail!("{}: not one manifest; run `make image`", folder.display());
    };
    let manifest = blob(folder, manifest)?;
    let named: Manifest = serde_json::from_slice(&manifest.bytes)?;
    let named = [named.config].into_iter().chain(named.layers);
    let blobs = named.map(|named| blob(folder, &named)).collect::<Result<_>>()?;
    Ok((manifest, blobs))
}

#[derive(Deserialize)]
struct Index {
    manifests: Vec<Descriptor>,
}

#[derive(Deserialize)]
struct Manifest {
    config: Descriptor,
    layers: Vec<Descriptor>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Descriptor {
    media_type: String,
    digest: String,
}

/// A file that was changed after it was packed must not get into a registry.
fn blob(folder: &Path, named: &Descriptor) -> Result<Blob> {
    let blob = Blob::new(&named.media_type, content(folder, &path(&named.digest))?);
    if blob.digest() != named.digest {
        bail!("{}: {} is damaged; run `make image`", folder.display(), named.digest);
    }
    Ok(blob)
}

fn content(folder: &Path, path: &str) -> Result<Vec<u8>> {
    let path = folder.join(path);
    fs::read(&path).with_context(|| format!("can't read {}; run `make image`", path.display()))
}

fn path(digest: &str) -> String {
    format!("blobs/{}", digest.replacen(':', "/", 1))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::facts;
    use crate::forms::Kind;

    #[test]
    fn what_is_written_is_read_again() {
        let folder = tempfile::tempdir().unwrap();
        let form = Form::new(Kind::Artifact, b"module", &facts::sample()).unwrap();
        write(&files(&form, "heartbeat-filter", "1"), folder.path()).unwrap();
        let (manifest, blobs) = read(folder.path()).unwrap();
        assert_eq!(manifest, form.manifest);
        let digests = |blobs: &[Blob]| blobs.iter().map(Blob::digest).collect::<Vec<_>>();
        assert_eq!(digests(&blobs), digests(&form.blobs));
    }

    #[test]
    fn a_changed_blob_is_refused() {
        let folder = tempfile::tempdir().unwrap();
        let form = Form::new(Kind::Artifact, b"module", &facts::sample()).unwrap();
        write(&files(&form, "heartbeat-filter", "1"), folder.path()).unwrap();
        let content = form.blobs.last().unwrap().digest();
        fs::write(folder.path().join(path(&content)), "changed").unwrap();
        let error = read(folder.path()).unwrap_err().to_string();
        assert!(error.contains(&content) && error.contains("make image"), "{error}");
    }
}
