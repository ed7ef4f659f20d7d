#!/usr/bin/env bash
# Makes .tools/crds: a JSON schema for each kind of Kubernetes resource that
# envoy-config ships, from the packages in testbed/crds.txt.

cd "$(dirname "$0")/.." && source scripts/lib.sh

schemas=.tools/crds
wanted=testbed/crds.txt
source=$(cat "$wanted" scripts/crds.sh scripts/crds.py)
if [ "$source" = "$(cat "$schemas/made-from.txt" 2>/dev/null)" ]; then
  exit
fi

python=${HEARTBEAT_PYTHON:-.tools/venv/bin/python}
[ -x "$python" ] || die "no Python at $python: run scripts/envoy.sh first"

# The packages are big, and of no use once the schemas are made.
packages=$(mktemp -d)
trap 'rm -rf "$packages"' EXIT
install() {
  "$python" -m pip install --quiet --disable-pip-version-check --no-compile --target "$packages" "$@"
}
requirement() { grep "^$1==" "$wanted"; }

say "fetch the schemas of Kubernetes and Istio ($(grep -v '^#' "$wanted" | paste -sd' '))"
# Of the first two only data is read: not their dependencies, and not the Python
# that the models say they need, which few machines have.
{ install --no-deps --ignore-requires-python "$(requirement cloudcoil-models-istio)" \
  "$(requirement kubernetes-validate)" && install "$(requirement pydantic)"; } ||
  die "pip could not install $wanted; is its package index reachable?"

rm -rf "$schemas"
mkdir -p "$schemas"
PYTHONPATH=$packages "$python" scripts/crds.py "$packages" "$schemas" || die "the schemas can't be made"
printf '%s\n' "$source" >"$schemas/made-from.txt"
