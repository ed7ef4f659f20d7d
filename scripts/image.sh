#!/usr/bin/env bash
# Packs dist/heartbeat_filter.wasm and dist/heartbeat_hub.wasm: dist/image (each as OCI
# image and as OCI artifact), dist/heartbeat_filter.cdx.json and dist/heartbeat_hub.cdx.json
# (SBOM), dist/SHA256SUMS. No container engine needed.
# IMAGE_SOURCE, a URL, becomes the source label; else what Cargo.toml says, if it does.

cd "$(dirname "$0")/.." && source scripts/lib.sh
source scripts/toolchain.sh

# The compiler that built the modules: its standard library is in them.
use_toolchain wasm32-wasip1
rust=$("$WASM_RUSTC" --version | cut -d' ' -f2)

revision=$(scripts/revision.sh revision)
created=$(scripts/revision.sh epoch)

# All crates selected, for the reason that the Makefile gives.
cargo build --locked --quiet --workspace --bin heartbeat-image
say "pack the modules ($(scripts/revision.sh version), revision $revision)"
"${CARGO_TARGET_DIR:-target}/debug/heartbeat-image" build --workspace . --out dist \
  --revision "$revision" --created "$created" --rust "$rust" ${IMAGE_SOURCE:+--source "$IMAGE_SOURCE"}
