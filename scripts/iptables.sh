#!/usr/bin/env bash
# Fetches iptables for the tests of Istio's agent, from Debian's packages: .tools/iptables.
# Where there are none, those tests are skipped.

cd "$(dirname "$0")/.." && source scripts/lib.sh

folder=.tools/iptables
# With the libraries that a small system may lack.
packages=(iptables libip4tc2 libip6tc2 libmnl0 libnetfilter-conntrack3 libnfnetlink0 libnftnl11 libxtables12)
if [ -x "$folder/usr/sbin/iptables-nft" ]; then exit; fi

say "fetch iptables (Debian)"
rm -rf "$folder.new"
trap 'rm -rf "$folder.new"' EXIT
if apt_unpack "$folder.new" "${packages[@]}"; then
  mv "$folder.new" "$folder"
else
  say "skipped: apt has no ${packages[*]}"
fi
