# shellcheck shell=bash
# shellcheck disable=SC2034 # the variables in capitals are for the scripts that source this
# A compiler for WebAssembly, wherever this machine can get one. Source it
# after lib.sh, then:
#
#   use_toolchain wasm32-wasip1
#   wasm_cargo build --locked --release …
#   ls "$WASM_TARGET_DIR/wasm32-wasip1/release"
#
# WASM_RUSTC is that compiler, WASM_RUSTFLAGS the flags that it needs: a script that
# sets flags of its own must add these.
#
# Three ways, in this order; HEARTBEAT_TOOLCHAIN=rustup|debian forces one.
#   1. the compiler in use already has the target's standard library;
#   2. rustup fetches it;
#   3. Debian's compiler builds the standard library from Debian's source:
#      for networks that reach apt and a crate registry, but not rustup's server.

use_toolchain() {
  WASM_TARGET=$1
  local forced=${HEARTBEAT_TOOLCHAIN:-}
  case $forced in
    '' | rustup | debian) ;;
    *) die "HEARTBEAT_TOOLCHAIN=$forced is unknown; write rustup or debian" ;;
  esac

  if [ "$forced" != debian ] && { has_target || rustup_adds_target; }; then
    use_own_compiler
  elif [ "$forced" != rustup ] && debian_compiler; then
    use_debian_compiler
  else
    die "no Rust compiler for $WASM_TARGET: run 'rustup target add $WASM_TARGET'," \
      "or on Debian 'apt-get install ${debian_packages[*]} lld-NN' (the newest NN)"
  fi
}

# wasm_cargo SUBCOMMAND ARGUMENTS…: cargo for $WASM_TARGET.
wasm_cargo() {
  env "${wasm_env[@]}" "$wasm_cargo" "$1" --target "$WASM_TARGET" --target-dir "$WASM_TARGET_DIR" \
    "${wasm_flags[@]}" "${@:2}"
}

has_target() {
  have rustc || return 1
  local libraries
  libraries=$(rustc --print target-libdir --target "$WASM_TARGET" 2>/dev/null) || return 1
  compgen -G "$libraries/libstd-*.rlib" >/dev/null
}

# Bounded, because a network that drops packets would hold it for minutes.
rustup_adds_target() {
  have rustup || return 1
  say "rustup: target $WASM_TARGET"
  timeout 120 rustup --quiet target add "$WASM_TARGET" >/dev/null 2>&1 && has_target
}

use_own_compiler() {
  wasm_cargo=cargo
  WASM_RUSTC=rustc
  wasm_env=()
  wasm_flags=()
  WASM_RUSTFLAGS=()
  WASM_TARGET_DIR=${CARGO_TARGET_DIR:-target}
}

# The compiler, its cargo and its library's source always come in one version.
debian_packages=(rustc-web cargo-web rust-web-src wasi-libc)

debian_compiler() {
  have apt-cache || return 1
  local lld
  lld=$(newest_lld)
  [ -n "$lld" ] && apt_install "${debian_packages[@]}" "$lld" && wasm_ld=wasm-ld-${lld#lld-}
}

# An installed one first: no need to follow every new one that apt offers.
newest_lld() {
  local packages
  packages=$(dpkg-query --show --showformat='${Package}\n' 'lld-*' 2>/dev/null |
    while read -r package; do have "wasm-ld-${package#lld-}" && echo "$package"; done)
  [ -n "$packages" ] || packages=$(apt-cache pkgnames lld-)
  grep -E '^lld-[0-9]+$' <<<"$packages" | sort --version-sort | tail -n 1
}

# RUSTC_BOOTSTRAP lets a stable compiler build its own standard library. The
# separate target directory keeps it from undoing the other compiler's work.
use_debian_compiler() {
  local name=${WASM_TARGET^^}
  wasm_cargo=/usr/bin/cargo
  WASM_RUSTC=/usr/bin/rustc
  wasm_env=(RUSTC=/usr/bin/rustc RUSTDOC=/usr/bin/rustdoc RUSTC_BOOTSTRAP=1
    "CARGO_TARGET_${name//-/_}_LINKER=$wasm_ld")
  WASM_TARGET_DIR=${CARGO_TARGET_DIR:-target}/debian
  case $WASM_TARGET in
    wasm32-wasip1)
      wasm_flags=(-Z "build-std=std,panic_abort")
      # Debian has WASI's libc in its own place, not inside the compiler's.
      WASM_RUSTFLAGS=(-L native=/usr/lib/wasm32-wasi -C link-self-contained=no)
      ;;
    *)
      # The test harness needs panic_unwind in the graph, though nothing unwinds.
      wasm_flags=(-Z "build-std=std,panic_abort,panic_unwind")
      WASM_RUSTFLAGS=()
      ;;
  esac
}
