#!/usr/bin/env bash
# Every check that needs no running program. A tool that isn't here is named,
# never passed over in silence.

cd "$(dirname "$0")/.." && source scripts/lib.sh

say "rustfmt"
cargo fmt --all --check

say "clippy"
cargo clippy --locked --quiet --workspace --all-targets -- --deny warnings

if have shellcheck; then
  say "shellcheck"
  shellcheck --external-sources scripts/*.sh testbed/src/*/*.sh .ci/run
else
  say "shellcheck is not installed: the scripts were not checked"
fi

# The advisory database can't come with the project, and a network that doesn't
# reach it shouldn't fail the lint: it is used where somebody has fetched it.
if cargo deny --version >/dev/null 2>&1 && compgen -G "${CARGO_HOME:-$HOME/.cargo}/advisory-dbs/*" >/dev/null; then
  say "cargo-deny: advisories"
  cargo deny --offline --log-level error check advisories
else
  say "cargo-deny or its advisory database is not here: no advisory check was run"
fi
