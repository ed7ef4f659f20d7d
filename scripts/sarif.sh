#!/usr/bin/env bash
# Fetches the JSON schema of SARIF 2.1.0, which a package of npm has:
# .tools/sarif-2.1.0.json.

cd "$(dirname "$0")/.." && source scripts/lib.sh

package=@microsoft/jest-sarif@1.0.0-beta.0
schema=.tools/sarif-2.1.0.json
[ ! -s "$schema" ] || exit 0

have npm || { say "skipped: no npm, which brings the schema of SARIF"; exit 0; }

say "fetch the schema of SARIF ($package)"
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
npm pack --silent --pack-destination "$folder" "$package" >/dev/null ||
  { say "skipped: npm could not fetch $package"; exit 0; }
tar -xzf "$folder"/*.tgz -C "$folder" package/lib/schemas/sarif-2.1.0-rtm.5.json
mkdir -p "${schema%/*}"
mv "$folder/package/lib/schemas/sarif-2.1.0-rtm.5.json" "$schema"
