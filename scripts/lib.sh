# shellcheck shell=bash
# What every script here shares. Each of them starts with
#
#   cd "$(dirname "$0")/.." && source scripts/lib.sh
#
# so that all of them work from the project's root.

set -euo pipefail

# One line of progress; what a step prints itself should be rarer than these.
say() { printf '==> %s\n' "$*"; }

die() {
  printf 'error: %s\n' "$*" >&2
  exit 1
}

have() { command -v "$1" >/dev/null; }

# apt_install PACKAGE…: installs what is missing, or fails without a word when
# this is not Debian or we may not; the caller knows what to advise.
apt_install() {
  have apt-get || return 1
  dpkg --status "$@" 2>/dev/null | grep -c '^Status: install ok installed$' | grep -qx $# && return

  local as_root=()
  if [ "$(id -u)" -ne 0 ]; then
    sudo -n true 2>/dev/null || return 1
    as_root=(sudo -n)
  fi
  local apt=("${as_root[@]}" env DEBIAN_FRONTEND=noninteractive
    apt-get -qq -o Acquire::http::Timeout=30 -o Acquire::Retries=1 -o Dpkg::Use-Pty=0)
  say "apt: $*"
  "${apt[@]}" install -y --no-install-recommends "$@" >/dev/null 2>&1 ||
    { "${apt[@]}" update >/dev/null && "${apt[@]}" install -y --no-install-recommends "$@" >/dev/null; }
}
