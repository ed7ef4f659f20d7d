#!/usr/bin/env bash
# Compiles the modules and trims each to its contract: dist/heartbeat_filter.wasm,
# dist/heartbeat_hub.wasm.

cd "$(dirname "$0")/.." && source scripts/lib.sh
source scripts/toolchain.sh

use_toolchain wasm32-wasip1

# Sources must be there before their places are known.
cargo fetch --locked --quiet

# No path of this machine may get into the module: it would tell where it was
# built, and the same source would give other bytes elsewhere.
sysroot=$("$WASM_RUSTC" --print sysroot)
# SHA-256 with its rounds in a loop: unrolled it has 7 KiB more, for a hash or two a second.
flags=("${WASM_RUSTFLAGS[@]}"
  --cfg 'sha2_backend_soft="compact"'
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

# One by one: what one of them wants of a crate that both rest on is not to get into the
# other.
say "compile the filter and the hub ($("$WASM_RUSTC" --version | cut -d' ' -f1-2), wasm32-wasip1)"
declare -A profiles=([filter]=release [hub]=hub)
for module in filter hub; do
  wasm_cargo build --locked --quiet --profile "${profiles[$module]}" --package "heartbeat-$module"
done

unset CARGO_ENCODED_RUSTFLAGS
# All crates selected, for the reason that the Makefile gives.
say "trim them"
cargo build --locked --quiet --workspace --bin heartbeat-trim
for module in filter hub; do
  "${CARGO_TARGET_DIR:-target}/debug/heartbeat-trim" "$module" \
    "$WASM_TARGET_DIR/wasm32-wasip1/${profiles[$module]}/heartbeat_$module.wasm" "dist/heartbeat_$module.wasm"
done
