# shellcheck shell=bash
# What every script here shares. Each of them starts with
#
#   cd "$(dirname "$0")/.." && source scripts/lib.sh
#
# so that all of them work from the project's root.

set -euo pipefail

# One line of progress.
say() { printf '==> %s\n' "$*"; }

die() {
  printf 'error: %s\n' "$*" >&2
  exit 1
}

have() { command -v "$1" >/dev/null; }

# apt_get ARGUMENT…: apt-get as root, without questions; fails silently when this is
# not Debian or root is out of reach. The caller says what to do then.
apt_get() {
  have apt-get || return 1
  local as_root=()
  if [ "$(id -u)" -ne 0 ]; then
    sudo -n true 2>/dev/null || return 1
    as_root=(sudo -n)
  fi
  "${as_root[@]}" env DEBIAN_FRONTEND=noninteractive \
    apt-get -qq -o Acquire::http::Timeout=30 -o Acquire::Retries=1 -o Dpkg::Use-Pty=0 "$@"
}

# apt_install PACKAGE…: installs what is missing.
apt_install() {
  have dpkg || return 1
  dpkg --status "$@" 2>/dev/null | grep -c '^Status: install ok installed$' | grep -qx $# && return

  say "apt: $*"
  local install=(install -y --no-install-recommends "$@")
  apt_get "${install[@]}" >/dev/null 2>&1 ||
    { apt_get update >/dev/null && apt_get "${install[@]}" >/dev/null; }
}

# apt_unpack FOLDER PACKAGE…: unpacks packages there and installs nothing: a daemon's
# package would start it, and leave its user and its files on the machine.
apt_unpack() {
  local folder=$1 package
  shift
  have apt-get && have dpkg-deb || return 1
  mkdir -p "$folder"
  # Root needn't hand the download to a user who may not write here.
  local download=(apt-get -qq -o APT::Sandbox::User=root download "$@")
  (
    cd "$folder" || exit
    "${download[@]}" >/dev/null 2>&1 || { apt_get update >/dev/null && "${download[@]}" >/dev/null; } || exit
    for package in *.deb; do dpkg-deb --extract "$package" . || exit; done
    rm ./*.deb
  )
}
