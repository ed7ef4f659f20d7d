#!/usr/bin/env bash
# Fetches a real MQTT broker and its clients from Debian's packages, for the tests of the
# bridge: .tools/mosquitto/bin/{mosquitto,mosquitto_pub,mosquitto_sub}. Where there are
# none, those tests say that they are skipped.

cd "$(dirname "$0")/.." && source scripts/lib.sh

programs=(mosquitto mosquitto_pub mosquitto_sub)
folder=.tools/mosquitto

works() {
  local program help
  for program in "${programs[@]}"; do
    # They have no --version, and none says its help with status 0.
    help=$("$folder/bin/$program" --help 2>/dev/null || true)
    [[ $help == *"$program"* ]] || return
  done
}
if works; then exit; fi

# Those of this machine, where it has them.
PATH=$PATH:/usr/sbin
rm -rf "$folder"
mkdir -p "$folder/bin"
here() { for program in "${programs[@]}"; do have "$program" || return; done; }
if here; then
  for program in "${programs[@]}"; do ln -s "$(command -v "$program")" "$folder/bin/"; done
  works && exit
fi

# What they need is unpacked beside them: a broker that is installed would be started.
packages=(mosquitto mosquitto-clients libmosquitto1 libcjson1 libdlt2 libwrap0 libnsl2)
say "fetch an MQTT broker (Debian: ${packages[0]} ${packages[1]})"
rm -rf "$folder"
if apt_unpack "$folder" "${packages[@]}"; then
  mkdir -p "$folder/bin"
  root=$(pwd)/$folder
  for program in "${programs[@]}"; do
    binary=$(find "$root/usr" -type f -name "$program" -perm -u+x | head -1)
    printf '#!/bin/sh\nLD_LIBRARY_PATH=%s exec %s "$@"\n' \
      "$(echo "$root"/usr/lib/*-linux-gnu)" "$binary" >"$folder/bin/$program"
    chmod +x "$folder/bin/$program"
  done
  works && exit
fi
rm -rf "$folder"
say "no mosquitto here, and apt has none: the bridge is not tried with a broker"
