#!/usr/bin/env bash
# Compiles the command line for this machine: dist/heartbeatctl.

cd "$(dirname "$0")/.." && source scripts/lib.sh

say "compile heartbeatctl"
cargo build --locked --quiet --release --package heartbeat-cli
mkdir -p dist
install "${CARGO_TARGET_DIR:-target}/release/heartbeatctl" dist/heartbeatctl
