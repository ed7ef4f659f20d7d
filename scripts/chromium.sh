#!/usr/bin/env bash
# Fetches a real browser for the tests of the hub's page: Debian's chromium, and what drives it
# (testbed/browser.txt) into .tools/venv. Without them those tests say that they were skipped.

cd "$(dirname "$0")/.." && source scripts/lib.sh

wanted=testbed/browser.txt
python=${HEARTBEAT_PYTHON:-.tools/venv/bin/python}
chromium=${CHROMIUM:-chromium}

have "$chromium" || apt_install chromium fonts-dejavu-core || {
  say "skipped: no Chromium (apt has none; CHROMIUM may name one)"
  exit
}

# The environment is made anew when its other packages change, and has lost these then.
there() {
  "$python" - "$wanted" <<'PYTHON'
import importlib.metadata as metadata, sys
lines = [line.strip() for line in open(sys.argv[1]) if line[0] != "#"]
sys.exit(any(metadata.version(name) != version for name, version in (line.split("==") for line in lines)))
PYTHON
}
there 2>/dev/null && exit

say "fetch what drives a browser ($(grep -v '^#' "$wanted" | paste -sd' '))"
"$python" -m pip install --quiet --disable-pip-version-check --requirement "$wanted" ||
  say "skipped: pip could not install $wanted"
