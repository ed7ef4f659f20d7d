#!/usr/bin/env bash
# Pushes what scripts/image.sh packed: push.sh registry.example.com/name:tag [hub's place]
# Where the hub's isn't named it goes beside the filter (docs/releasing.md).

cd "$(dirname "$0")/.." && source scripts/lib.sh

[ -n "${1:-}" ] || die "push where to? make push IMAGE=registry.example.com/heartbeat-filter:$(scripts/revision.sh version)"
"${CARGO_TARGET_DIR:-target}/debug/heartbeat-image" push --images dist/image ${2:+--hub "$2"} "$1"
