#!/usr/bin/env bash
# Fetches the real Prometheus, Alertmanager and their tools from Debian's packages:
# .tools/bin/{prometheus,promtool,alertmanager,amtool}.

cd "$(dirname "$0")/.." && source scripts/lib.sh

packages=(prometheus prometheus-alertmanager)
tools=(prometheus promtool alertmanager amtool)

here() { for tool in "${tools[@]}"; do [ -x ".tools/bin/$tool" ] || return; done; }
if here; then exit; fi

unpacked=.tools/prometheus
rm -rf "$unpacked"
trap 'rm -rf "$unpacked"' EXIT

say "fetch Prometheus (Debian: ${packages[*]})"
apt_unpack "$unpacked" "${packages[@]}" ||
  die "apt has no ${packages[*]}: put ${tools[*]} into .tools/bin"

# Debian's Alertmanager reads its default templates below /usr/share, where nothing is
# installed. A path of the same length leads from its own folder to .tools/lib/alertmanager.
mv "$unpacked/usr/bin/prometheus-alertmanager" "$unpacked/usr/bin/alertmanager"
LC_ALL=C sed -i 's|/usr/share/prometheus/alertmanager|../lib////////////////alertmanager|g' \
  "$unpacked/usr/bin/alertmanager"
mkdir -p .tools/bin .tools/lib/alertmanager
mv "$unpacked"/usr/share/prometheus/alertmanager/*.tmpl .tools/lib/alertmanager/

for tool in "${tools[@]}"; do
  "$unpacked/usr/bin/$tool" --version >/dev/null 2>&1 || die "$tool does not run here"
  mv "$unpacked/usr/bin/$tool" .tools/bin/
done
