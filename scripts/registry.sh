#!/usr/bin/env bash
# Fetches a real registry for the tests, from Debian's package: .tools/bin/docker-registry.

cd "$(dirname "$0")/.." && source scripts/lib.sh

package=docker-registry
binary=.tools/bin/$package
if "$binary" --version >/dev/null 2>&1; then exit; fi

unpacked=.tools/$package
rm -rf "$unpacked"
trap 'rm -rf "$unpacked"' EXIT

say "fetch a registry (Debian: $package)"
apt_unpack "$unpacked" "$package" ||
  die "apt has no $package: put the binary of CNCF's registry, 2.8 or later, at $binary"
mkdir -p .tools/bin
"$unpacked/usr/bin/$package" --version >/dev/null 2>&1 || die "$package does not run here"
mv "$unpacked/usr/bin/$package" "$binary"
