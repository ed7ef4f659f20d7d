#!/usr/bin/env bash
# Runs the tests of the core, and of what it rests on, as WebAssembly, under Node: the arithmetic, the widths
# and the panics are those of the proxy, not those of this machine.

cd "$(dirname "$0")/.." && source scripts/lib.sh
source scripts/toolchain.sh

have node || apt_install nodejs || die "no node: install Node.js 18 or later (Debian: 'apt-get install nodejs')"
use_toolchain wasm32-unknown-unknown
scripts/wasm-runner.sh

export CARGO_TARGET_WASM32_UNKNOWN_UNKNOWN_RUNNER=$PWD/.tools/bin/wasm-bindgen-test-runner
say "test the core on wasm32-unknown-unknown ($("$WASM_RUSTC" --version | cut -d' ' -f1-2), node $(node --version))"
# Quiet for the build alone: cargo would hand the word on to the runner, which
# doesn't know it.
wasm_cargo test --locked --quiet --package heartbeat-common --package heartbeat-core --tests --no-run
wasm_cargo test --locked --package heartbeat-common --package heartbeat-core --tests
