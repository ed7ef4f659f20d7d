//! What lies in `dist`.

use std::collections::BTreeMap;
use std::fs;
use std::io::Read;
use std::path::Path;
use std::process::Command;

use heartbeat_image::blob::{Blob, sha256};
use heartbeat_image::layout;
use heartbeat_image::product;
use serde_json::Value;

use crate::{TOOL, dist, images, module, output, root};

#[test]
fn the_checksums_name_every_file_and_hold() {
    let mut command = Command::new("sha256sum");
    let checked = output(command.args(["--check", "--strict", "SHA256SUMS"]).current_dir(dist()));
    let files: Vec<_> = checked.lines().map(|line| line.trim_end_matches(": OK")).collect();
    let version = env!("CARGO_PKG_VERSION");
    assert_eq!(
        files,
        [
            "heartbeat_filter.wasm",
            "heartbeat_hub.wasm",
            "heartbeat_filter.cdx.json",
            "heartbeat_hub.cdx.json",
            &format!("image/heartbeat-filter-{version}-artifact.tar"),
            &format!("image/heartbeat-filter-{version}.tar"),
            &format!("image/heartbeat-hub-{version}-artifact.tar"),
            &format!("image/heartbeat-hub-{version}.tar"),
        ]
    );
}

#[test]
fn each_image_has_one_layer_with_its_module_alone() {
    for product in product::ALL {
        let (_, blobs) = layout::read(&images(product).join("image")).unwrap();
        let [_, layer] = blobs.as_slice() else { panic!("not one layer") };
        let mut tar = Vec::new();
        flate2::read::GzDecoder::new(layer.bytes.as_slice()).read_to_end(&mut tar).unwrap();
        assert_eq!(files(&tar), BTreeMap::from([("plugin.wasm".into(), module(product))]));
        let config = json(&blobs[0]);
        let sum = serde_json::json!([format!("sha256:{}", sha256(&tar))]);
        assert_eq!(config["rootfs"]["diff_ids"], sum);
    }
}

#[test]
fn the_labels_tell_which_module_version_commit_and_licence() {
    for product in product::ALL {
        let (manifest, blobs) = layout::read(&images(product).join("image")).unwrap();
        let labels = json(&blobs[0])["config"]["Labels"].clone();
        let label = |key: &str| labels[format!("org.opencontainers.image.{key}")].clone();
        assert_eq!(label("title"), product.title);
        assert_eq!(label("description"), product.description);
        assert_eq!(label("version"), env!("CARGO_PKG_VERSION"));
        assert_eq!(label("licenses"), "Apache-2.0");
        assert!(label("created").is_string());
        let revision = label("revision").as_str().unwrap().to_owned();
        let commit = revision.trim_end_matches("-dirty");
        assert!(
            revision == "unknown"
                || commit.len() == 40 && commit.bytes().all(|b| b.is_ascii_hexdigit()),
            "{revision}"
        );
        for (key, value) in labels.as_object().unwrap() {
            assert_eq!(&json(&manifest)["annotations"][key], value, "{key}");
        }
    }
}

#[test]
fn the_archives_hold_the_layouts() {
    for product in product::ALL {
        for (kind, suffix) in [("image", ""), ("artifact", "-artifact")] {
            let version = env!("CARGO_PKG_VERSION");
            let name = format!("image/{}-{version}{suffix}.tar", product.name);
            let mut archived = files(&fs::read(dist().join(name)).unwrap());
            let for_docker = archived.remove("manifest.json");
            assert_eq!(archived, tree(&images(product).join(kind)));
            assert_eq!(for_docker.is_some(), kind == "image");
        }
    }
}

#[test]
fn docker_finds_each_image_in_its_archive() {
    for product in product::ALL {
        let name = format!("image/{}-{}.tar", product.name, env!("CARGO_PKG_VERSION"));
        let archived = files(&fs::read(dist().join(name)).unwrap());
        let manifest: Value = serde_json::from_slice(&archived["manifest.json"]).unwrap();
        let there = |path: &Value| archived.contains_key(path.as_str().unwrap());
        assert!(there(&manifest[0]["Config"]) && there(&manifest[0]["Layers"][0]));
        let tag = format!("{}:{}", product.name, env!("CARGO_PKG_VERSION"));
        assert_eq!(manifest[0]["RepoTags"], serde_json::json!([tag]));
    }
}

/// Another folder, another umask, another time zone, other times and modes of the
/// files: not a byte may differ.
#[test]
fn the_same_source_packs_to_the_same_bytes_anywhere() {
    let here = tempfile::tempdir().unwrap();
    put_modules(here.path());
    output(&mut pack(&root(), here.path(), "022", "UTC"));

    let there = tempfile::tempdir().unwrap();
    let project = there.path().join("another place");
    for part in ["Cargo.toml", "Cargo.lock", "filter", "testbed"] {
        copy(&root().join(part), &project.join(part));
    }
    let out = there.path().join("out");
    fs::create_dir(&out).unwrap();
    put_modules(&out);
    output(&mut pack(&project, &out, "077", "Asia/Tokyo"));
    // Over what is there already, too.
    output(&mut pack(&project, &out, "027", "America/Lima"));

    let (here, there) = (tree(here.path()), tree(&out));
    assert!(here.keys().eq(there.keys()), "{:?} {:?}", here.keys(), there.keys());
    for (path, bytes) in here {
        assert!(there[&path] == bytes, "{path} differs");
    }
}

#[test]
fn another_commit_changes_the_digest_and_a_source_is_labelled() {
    let out = tempfile::tempdir().unwrap();
    put_modules(out.path());
    let mut digests = Vec::new();
    for revision in ["one", "two"] {
        let mut command = pack_as(&root(), out.path(), revision, "022", "UTC");
        output(command.args(["--source", "https://example.com/source"]));
        let (manifest, blobs) = layout::read(&out.path().join("image/image")).unwrap();
        let labels = &json(&blobs[0])["config"]["Labels"];
        assert_eq!(labels["org.opencontainers.image.source"], "https://example.com/source");
        assert_eq!(labels["org.opencontainers.image.revision"], revision);
        digests.push((manifest.digest(), blobs[1].digest()));
    }
    assert_ne!(digests[0].0, digests[1].0);
    // The layer is the module's alone: whoever has it needn't fetch it again.
    assert_eq!(digests[0].1, digests[1].1);
}

#[test]
fn without_a_module_the_mend_is_named() {
    let out = tempfile::tempdir().unwrap();
    for product in product::ALL {
        let complaint = crate::complaint(&mut pack(&root(), out.path(), "022", "UTC"));
        assert!(complaint.contains("make build"), "{complaint}");
        assert!(complaint.contains(product.module), "{complaint}");
        fs::write(out.path().join(product.module), module(product)).unwrap();
    }
}

fn put_modules(folder: &Path) {
    for product in product::ALL {
        fs::write(folder.join(product.module), module(product)).unwrap();
    }
}

fn pack(project: &Path, out: &Path, umask: &str, zone: &str) -> Command {
    pack_as(project, out, "0123", umask, zone)
}

fn pack_as(project: &Path, out: &Path, revision: &str, umask: &str, zone: &str) -> Command {
    let mut command = Command::new("sh");
    command
        .args(["-c", "umask $0; exec \"$@\"", umask, TOOL, "build", "--workspace"])
        .arg(project)
        .arg("--out")
        .arg(out)
        .args(["--revision", revision, "--created", "1700000000", "--rust", "1.89.0"])
        .current_dir(out)
        .env("TZ", zone);
    command
}

fn json(blob: &Blob) -> Value {
    serde_json::from_slice(&blob.bytes).unwrap()
}

/// The files of an archive, by path.
fn files(tar: &[u8]) -> BTreeMap<String, Vec<u8>> {
    let mut archive = tar::Archive::new(tar);
    let entries = archive.entries().unwrap();
    entries
        .map(|entry| {
            let mut entry = entry.unwrap();
            let mut bytes = Vec::new();
            entry.read_to_end(&mut bytes).unwrap();
            (entry.path().unwrap().display().to_string(), bytes)
        })
        .collect()
}

/// The files under a folder, by path.
fn tree(folder: &Path) -> BTreeMap<String, Vec<u8>> {
    let mut found = BTreeMap::new();
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        let name = path.file_name().unwrap().to_str().unwrap().to_owned();
        if path.is_dir() {
            found.extend(
                tree(&path).into_iter().map(|(inner, bytes)| (format!("{name}/{inner}"), bytes)),
            );
        } else {
            found.insert(name, fs::read(&path).unwrap());
        }
    }
    found
}

fn copy(from: &Path, to: &Path) {
    if from.is_dir() {
        fs::create_dir_all(to).unwrap();
        for entry in fs::read_dir(from).unwrap() {
            let entry = entry.unwrap();
            copy(&entry.path(), &to.join(entry.file_name()));
        }
    } else {
        fs::create_dir_all(to.parent().unwrap()).unwrap();
        fs::copy(from, to).unwrap();
    }
}
