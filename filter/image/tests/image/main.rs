//! What `make image` packed is what a mesh may fetch: complete, the same wherever it
//! is packed, and taken by a real registry and by Istio's rules.

#![allow(clippy::expect_used, clippy::indexing_slicing, clippy::panic, clippy::unwrap_used)]

mod istio;
mod packed;
mod pushed;
mod registry;
mod revision;
mod sbom;

use std::path::{Path, PathBuf};
use std::process::{Command, Output};

use heartbeat_image::product::Product;

/// The tool itself.
const TOOL: &str = env!("CARGO_BIN_EXE_heartbeat-image");

/// The project's root.
fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../..").canonicalize().unwrap()
}

/// The folder that `make image` filled.
fn dist() -> PathBuf {
    let dist = root().join("dist");
    assert!(dist.join("SHA256SUMS").exists(), "{}: run `make image`", dist.display());
    dist
}

/// A module that was packed.
fn module(product: &Product) -> Vec<u8> {
    std::fs::read(dist().join(product.module)).unwrap()
}

/// The folder that its layouts are in.
fn images(product: &Product) -> PathBuf {
    dist().join("image").join(product.folder)
}

/// The program's standard output; it must end well.
fn output(command: &mut Command) -> String {
    let Output { status, stdout, stderr } = command.output().unwrap();
    assert!(status.success(), "{command:?}: {status}\n{}", String::from_utf8_lossy(&stderr));
    String::from_utf8(stdout).unwrap()
}

/// The program's complaint; it must fail.
fn complaint(command: &mut Command) -> String {
    let Output { status, stderr, .. } = command.output().unwrap();
    assert!(!status.success(), "{command:?} should have failed");
    String::from_utf8(stderr).unwrap()
}
