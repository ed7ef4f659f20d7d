#!/usr/bin/env bash
# Compiles the clock that can be set, for the scenarios that set one:
# .tools/lib/clock.so, from testbed/preload/clock.rs.

cd "$(dirname "$0")/.." && source scripts/lib.sh

source=testbed/preload/clock.rs
library=.tools/lib/clock.so
if [ "$library" -nt "$source" ]; then exit; fi

mkdir -p "${library%/*}"
rustc --edition 2024 --crate-type cdylib -C opt-level=2 -C panic=abort -C strip=symbols \
  -o "$library" "$source" || die "rustc could not compile $source"
