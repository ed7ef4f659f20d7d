#!/usr/bin/env bash
# controlplanes.sh NAME: builds the programs of the Go module testbed/controlplanes/NAME into
# .tools/bin, and the tools that it names into .tools/NAME, and runs the tests of that name.
# Go downloads what they are made of; without Go nothing is tested.

cd "$(dirname "$0")/.." && source scripts/lib.sh

name=$1
module=testbed/controlplanes/$name

wanted=$(awk '$1 == "go" { print $2 }' "$module/go.mod")
found=$(go env GOVERSION 2>/dev/null) || found=
oldest=$(printf '%s\n' "$wanted" "${found#go}" | sort --version-sort | head -1)
if [ "$oldest" != "$wanted" ]; then
  echo "skipped: no Go $wanted or later (found: ${found:-none})"
  exit
fi

say "build what testbed/controlplanes/$name has (minutes at first, and some GB in Go's caches)"
mkdir -p .tools/bin
tools=$PWD/.tools
bin=$tools/bin
(
  cd "$module"
  symbols="-s -w"
  tags=
  if [ "$name" = admission ]; then
    api=$(go list -m -f '{{.Dir}}' istio.io/api)
    symbols+=" -X main.istio=$api/kubernetes/customresourcedefinitions.gen.yaml"
  fi
  if [ "$name" = otel ]; then
    # Of Prometheus's many ways to find targets: those by Kubernetes and files always stay.
    tags=remove_all_sd
  fi
  if [ -n "$(go list ./... 2>/dev/null)" ]; then
    go build -p 2 -trimpath -tags "$tags" -ldflags "$symbols" -o "$bin/" ./...
  fi
  if grep -q '^tool' go.mod; then
    mkdir -p "$tools/$name"
    go build -p 2 -trimpath -ldflags "$symbols" -o "$tools/$name/" tool
  fi
  if [ "$name" = istio ]; then
    istio=$(go list -m -f '{{.Dir}}' istio.io/istio)
    install -m 644 "$istio/tools/packaging/common/envoy_bootstrap.json" "$tools/istio/"
  fi
) || die "go can't build $module; is its module proxy reachable?"

say "test with it"
cargo test --locked --quiet --workspace --test "$name"
