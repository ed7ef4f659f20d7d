#!/usr/bin/env bash
# Builds wasm-bindgen-test-runner into .tools/bin. Its version must be that of
# the wasm-bindgen that Cargo.lock holds: they speak a private format.

cd "$(dirname "$0")/.." && source scripts/lib.sh

version=$(grep -A1 '^name = "wasm-bindgen"$' Cargo.lock | sed -n 's/^version = "\(.*\)"/\1/p')
[ -n "$version" ] || die "Cargo.lock holds no wasm-bindgen"

if [ "$(.tools/bin/wasm-bindgen-test-runner --version 2>/dev/null)" = "wasm-bindgen-test-runner $version" ]; then
  exit
fi

say "build wasm-bindgen-test-runner $version (a few minutes, once)"

# It runs for seconds: optimizing it would take longer than it saves.
export CARGO_PROFILE_RELEASE_OPT_LEVEL=1
export CARGO_PROFILE_RELEASE_LTO=off
export CARGO_PROFILE_RELEASE_CODEGEN_UNITS=16

install=(cargo install wasm-bindgen-cli --version "$version" --bin wasm-bindgen-test-runner
  --root .tools --force --quiet)
# No default features: TLS is only for fetching browser drivers. Not locked the
# second time, for a registry mirror that lags behind the tool's own lock file.
"${install[@]}" --no-default-features --locked 2>/dev/null ||
  "${install[@]}" --no-default-features ||
  die "could not build wasm-bindgen-cli $version"
