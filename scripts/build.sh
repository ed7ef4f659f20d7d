#!/usr/bin/env bash
# Compiles the filter and trims it to its contract: dist/heartbeat_filter.wasm.

cd "$(dirname "$0")/.." && source scripts/lib.sh
source scripts/toolchain.sh

use_toolchain wasm32-wasip1

# Sources must be there before their places are known.
cargo fetch --locked --quiet

# No path of this machine may get into the module: it would tell where it was
# built, and the same source would give other bytes elsewhere.
sysroot=$("$WASM_RUSTC" --print sysroot)
flags=("${WASM_RUSTFLAGS[@]}"
  "--remap-path-prefix=$(pwd -P)=/heartbeat"
  "--remap-path-prefix=$sysroot/lib/rustlib/src/rust=/rust")
# One folder per registry or mirror, named after it.
for crates in "${CARGO_HOME:-$HOME/.cargo}"/registry/src/*/; do
  flags+=("--remap-path-prefix=${crates%/}=/crates")
done

# The encoded form takes paths with blanks and outranks a stray RUSTFLAGS.
CARGO_ENCODED_RUSTFLAGS=$(IFS=$'\x1f' && echo "${flags[*]}")
export CARGO_ENCODED_RUSTFLAGS

# What the module says of itself.
HEARTBEAT_REVISION=$(scripts/revision.sh revision)
export HEARTBEAT_REVISION

say "compile the filter ($("$WASM_RUSTC" --version | cut -d' ' -f1-2), wasm32-wasip1)"
wasm_cargo build --locked --quiet --release --package heartbeat-filter

unset CARGO_ENCODED_RUSTFLAGS
# All native crates selected, for the reason that the Makefile gives.
say "trim it"
cargo build --locked --quiet --workspace --exclude heartbeat-filter --bin heartbeat-trim
"${CARGO_TARGET_DIR:-target}/debug/heartbeat-trim" \
  "$WASM_TARGET_DIR/wasm32-wasip1/release/heartbeat_filter.wasm" dist/heartbeat_filter.wasm
