#!/usr/bin/env bash
# revision.sh version|revision|epoch: prints what this source is, for everything
# that is named or dated after it.
#
#   version   the workspace's, from Cargo.toml: its one place
#   revision  the commit, with -dirty where the tree has more than it; `unknown`
#             without git, as in an unpacked archive
#   epoch     when that was committed, in seconds since 1970; SOURCE_DATE_EPOCH
#             overrides it, and 0 stands for `unknown`

cd "$(dirname "$0")/.." && source scripts/lib.sh

# A project that was unpacked inside somebody else's repository isn't that one's.
ours() {
  have git && [ "$(git rev-parse --show-toplevel 2>/dev/null)" = "$(pwd -P)" ] &&
    git rev-parse --quiet --verify HEAD >/dev/null
}

version() { sed -n '/^\[workspace\.package\]/,/^\[/s/^version = "\(.*\)"$/\1/p' Cargo.toml; }

revision() {
  ours || { echo unknown && return; }
  local dirty=
  [ -z "$(git status --porcelain)" ] || dirty=-dirty
  echo "$(git rev-parse HEAD)$dirty"
}

epoch() {
  if [ -n "${SOURCE_DATE_EPOCH:-}" ]; then
    echo "$SOURCE_DATE_EPOCH"
  elif ours; then
    git log -1 --format=%ct
  else
    echo 0
  fi
}

case ${1:-} in
  version | revision | epoch) "$1" ;;
  *) die "usage: scripts/revision.sh version|revision|epoch" ;;
esac
