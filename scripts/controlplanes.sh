#!/usr/bin/env bash
# controlplanes.sh NAME [PROGRAM…]: builds the programs of the Go module
# testbed/controlplanes/NAME, puts them in .tools/bin, and runs the tests of that name. Go
# downloads what they are made of; without Go nothing is tested.

cd "$(dirname "$0")/.." && source scripts/lib.sh

name=$1
module=testbed/controlplanes/$name

wanted=$(awk '$1 == "go" { print $2 }' "$module/go.mod")
found=$(go env GOVERSION 2>/dev/null) || found=none
if [ "$(printf '%s\n' "$wanted" "${found#go}" | sort --version-sort | head -1)" != "$wanted" ]; then
  echo "skipped: no Go $wanted or later (found: $found)"
  exit
fi

say "build what testbed/controlplanes/$name has (minutes at first, and some GB in Go's caches)"
mkdir -p .tools/bin
bin=$PWD/.tools/bin
(
  cd "$module"
  symbols="-s -w"
  if [ "$name" = admission ]; then
    api=$(go list -m -f '{{.Dir}}' istio.io/api)
    symbols+=" -X main.istio=$api/kubernetes/customresourcedefinitions.gen.yaml"
  fi
  go build -p 2 -trimpath -ldflags "$symbols" -o "$bin/" ./...
) || die "go can't build $module; is its module proxy reachable?"

say "test with it"
cargo test --locked --quiet --workspace --test "$name"
