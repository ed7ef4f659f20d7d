#!/bin/sh
# apart.sh FOLDER NAMES FOLDERS COMMAND…: runs COMMAND as if this were a machine of its own.
# It must have been started in new namespaces for mounts, the network and processes: see
# mod.rs there.
#
# FOLDER is an empty one, for what is shown in place of the machine's own. NAMES, in one
# argument, are names of hosts that lead to this machine; FOLDERS are created in /.

set -eu
folder=$1 names=$2 folders=$3
shift 3

ip link set lo up

# A new root, since /'s own may be changed by nobody: all that is there stands in it, too.
root=$folder/root
mkdir "$root"
mount -t tmpfs tmpfs "$root"
for there in /*; do
  here=$root$there
  if [ "$there" = /proc ]; then
    mkdir "$here"
    mount -t proc proc "$here"
  elif [ -L "$there" ]; then
    ln -s "$(readlink "$there")" "$here"
  elif [ -d "$there" ]; then
    mkdir "$here"
    mount --rbind "$there" "$here"
  else
    : >"$here"
    mount --bind "$there" "$here"
  fi
done

# shellcheck disable=SC2086
for one in $folders; do mkdir "$root$one"; done
{
  echo "127.0.0.1 localhost"
  # shellcheck disable=SC2086
  for name in $names; do echo "127.0.0.1 $name"; done
} >"$folder/hosts"
mount --bind "$folder/hosts" "$root/etc/hosts"

chroot "$root" "$@"
