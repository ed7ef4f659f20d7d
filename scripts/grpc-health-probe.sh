#!/usr/bin/env bash
# Compiles the command of the crate grpc_health_probe, a client that others wrote:
# .tools/bin/grpc_health_probe. It needs a protoc, which scripts/envoy.sh
# fetches with the Python clients.

cd "$(dirname "$0")/.." && source scripts/lib.sh

crate=grpc_health_probe
version=1.0.1
python=$PWD/.tools/venv/bin/python

if [ "$(".tools/bin/$crate" --version 2>/dev/null)" = "$crate $version" ]; then
  exit
fi

build=.tools/build
mkdir -p "$build"
trap 'rm -rf "$build"' EXIT
printf '#!/bin/sh\nexec "%s" -m grpc_tools.protoc "$@"\n' "$python" >"$build/protoc"
chmod +x "$build/protoc"

say "compile $crate $version"
# It runs for milliseconds: optimizing it would take longer than it saves.
PROTOC=$PWD/$build/protoc CARGO_PROFILE_DEV_DEBUG=0 \
  cargo install --locked --quiet --debug --root .tools --target-dir "$build" --version "$version" "$crate" ||
  die "cargo could not install $crate $version; is its registry reachable?"
