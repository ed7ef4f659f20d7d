#!/usr/bin/env bash
# Fetches the real Prometheus and its tools from Debian's packages:
# .tools/bin/{prometheus,promtool,amtool}.

cd "$(dirname "$0")/.." && source scripts/lib.sh

packages=(prometheus prometheus-alertmanager)
tools=(prometheus promtool amtool)

here() { for tool in "${tools[@]}"; do [ -x ".tools/bin/$tool" ] || return; done; }
if here; then exit; fi

unpacked=.tools/prometheus
rm -rf "$unpacked"
trap 'rm -rf "$unpacked"' EXIT

say "fetch Prometheus (Debian: ${packages[*]})"
apt_unpack "$unpacked" "${packages[@]}" ||
  die "apt has no ${packages[*]}: put ${tools[*]} into .tools/bin"
mkdir -p .tools/bin
for tool in "${tools[@]}"; do
  "$unpacked/usr/bin/$tool" --version >/dev/null 2>&1 || die "$tool does not run here"
  mv "$unpacked/usr/bin/$tool" .tools/bin/
done
