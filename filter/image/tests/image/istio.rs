//! Istio's rules for what a WasmPlugin's `oci://` may lead to, told again from
//! pkg/wasm/imagefetcher.go and isValidWasmBinary in pkg/wasm/cache.go (Istio 1.2x;
//! Envoy Gateway has a copy of them).

use std::collections::HashMap;
use std::io::Read;

use flate2::read::GzDecoder;
use serde_json::Value;

const DOCKER_MANIFEST: &str = "application/vnd.docker.distribution.manifest.v2+json";
const DOCKER_LAYER: &str = "application/vnd.docker.image.rootfs.diff.tar.gzip";
const OCI_LAYER: &str = "application/vnd.oci.image.layer.v1.tar+gzip";
const WASM_LAYER: &str = "application/vnd.module.wasm.content.layer.v1+wasm";

/// The blobs of a repository, by digest.
pub type Blobs = HashMap<String, Vec<u8>>;

/// The module that Istio would take out of this manifest, or why it wouldn't.
pub fn module(manifest: &[u8], blobs: &Blobs) -> Result<Vec<u8>, String> {
    let manifest: Value = serde_json::from_slice(manifest).map_err(|error| error.to_string())?;
    let module = if manifest["mediaType"] == DOCKER_MANIFEST {
        from_image(&manifest, DOCKER_LAYER, blobs)?
    } else {
        // The form isn't told apart by its type: one is tried, then the other.
        from_image(&manifest, OCI_LAYER, blobs).or_else(|image| {
            from_artifact(&manifest, blobs).map_err(|artifact| format!("{image}; {artifact}"))
        })?
    };
    let is_wasm = module.len() >= 8 && module.starts_with(b"\0asm");
    is_wasm.then_some(module).ok_or_else(|| "not a WebAssembly binary".into())
}

/// The last layer counts, must have the one media type, and holds a plugin.wasm in
/// any folder.
fn from_image(manifest: &Value, media_type: &str, blobs: &Blobs) -> Result<Vec<u8>, String> {
    let layer = layers(manifest).last().ok_or("no layer")?;
    if layer["mediaType"] != media_type {
        return Err(format!("layer of type {}, not {media_type}", layer["mediaType"]));
    }
    let mut archive = tar::Archive::new(GzDecoder::new(content(layer, blobs)?));
    for entry in archive.entries().map_err(|error| error.to_string())? {
        let mut entry = entry.map_err(|error| error.to_string())?;
        if entry.path().is_ok_and(|path| path.file_name().is_some_and(|name| name == "plugin.wasm"))
        {
            let mut module = Vec::new();
            entry.read_to_end(&mut module).map_err(|error| error.to_string())?;
            return Ok(module);
        }
    }
    Err("no plugin.wasm in the layer".into())
}

/// Two layers, no less and no more; the first of the one media type is the module.
fn from_artifact(manifest: &Value, blobs: &Blobs) -> Result<Vec<u8>, String> {
    let layers = layers(manifest);
    if layers.len() != 2 {
        return Err(format!("{} layers, not 2", layers.len()));
    }
    let layer = layers.iter().find(|layer| layer["mediaType"] == WASM_LAYER);
    content(layer.ok_or("no Wasm layer")?, blobs).map(<[u8]>::to_vec)
}

fn layers(manifest: &Value) -> &[Value] {
    manifest["layers"].as_array().map_or(&[], Vec::as_slice)
}

fn content<'a>(layer: &Value, blobs: &'a Blobs) -> Result<&'a [u8], String> {
    let digest = layer["digest"].as_str().unwrap_or_default();
    blobs.get(digest).map(Vec::as_slice).ok_or_else(|| format!("no blob {digest}"))
}

/// The rules must be able to say no, or their yes says nothing.
mod refusals {
    use heartbeat_image::archive;
    use heartbeat_image::blob::Blob;
    use serde_json::json;

    use super::*;

    const WASM: &[u8] = b"\0asm\x01\0\0\0";

    fn refusal(layers: &[Blob]) -> String {
        taken("application/vnd.oci.image.manifest.v1+json", layers).unwrap_err()
    }

    fn taken(media_type: &str, layers: &[Blob]) -> Result<Vec<u8>, String> {
        let descriptors: Vec<_> = layers.iter().map(Blob::descriptor).collect();
        let manifest = json!({ "mediaType": media_type, "layers": descriptors });
        let blobs = layers.iter().map(|layer| (layer.digest(), layer.bytes.clone())).collect();
        module(manifest.to_string().as_bytes(), &blobs)
    }

    fn packed(media_type: &str, file: &str, module: &[u8]) -> Blob {
        let tar = archive::tar([(file, module)]).unwrap();
        Blob::new(media_type, archive::gzip(&tar).unwrap())
    }

    #[test]
    fn an_image_is_taken_by_its_last_layer() {
        let base = packed(OCI_LAYER, "readme", b"");
        let last = packed(OCI_LAYER, "deep/plugin.wasm", WASM);
        assert_eq!(taken("", &[base.clone(), last.clone()]).unwrap(), WASM);
        assert!(refusal(&[last, base]).contains("no plugin.wasm"));
    }

    #[test]
    fn a_layer_of_another_type_is_refused() {
        let layer = packed(DOCKER_LAYER, "plugin.wasm", WASM);
        assert!(refusal(std::slice::from_ref(&layer)).contains(DOCKER_LAYER));
        assert_eq!(taken(DOCKER_MANIFEST, &[layer]).unwrap(), WASM);
    }

    #[test]
    fn a_layer_that_is_not_compressed_is_refused() {
        let tar = archive::tar([("plugin.wasm", WASM)]).unwrap();
        refusal(&[Blob::new(OCI_LAYER, tar)]);
    }

    #[test]
    fn an_artifact_has_two_layers_and_one_is_wasm() {
        let (wasm, other) = (Blob::new(WASM_LAYER, WASM.into()), Blob::new("x", b"{}".into()));
        assert!(refusal(std::slice::from_ref(&wasm)).contains("1 layers"));
        assert!(refusal(&[other.clone(), other.clone()]).contains("no Wasm layer"));
        assert!(refusal(&[other.clone(), other.clone(), wasm.clone()]).contains("3 layers"));
        assert_eq!(taken("", &[wasm, other]).unwrap(), WASM);
    }

    #[test]
    fn what_is_no_wasm_is_refused() {
        assert!(refusal(&[packed(OCI_LAYER, "plugin.wasm", b"#!/bin/sh")]).contains("WebAssembly"));
    }
}
