#!/usr/bin/env bash
# instructions.sh [PREFIX]: counts the instructions that the core executes for each of
# its tasks, or for those whose name begins so, with callgrind:
# dist/instructions.tsv, a name and a number a line. With one compiler they repeat, on
# any machine: only hash tables, which are seeded at random, make a percent or two.

cd "$(dirname "$0")/.." && source scripts/lib.sh

have valgrind || apt_install valgrind || die "no valgrind: on Debian 'apt-get install valgrind'"

# Optimised as the module is, but with its symbols: callgrind finds what to count by
# the name of a function.
export CARGO_PROFILE_BENCH_STRIP=none
benches=(cargo bench --locked --quiet --package heartbeat-core --bench instructions)
"${benches[@]}" --no-run
program=$("${benches[@]}" --no-run --message-format json 2>/dev/null |
  sed -n 's/.*"executable":"\([^"]*\)".*/\1/p' | tail -n 1)
[ -x "$program" ] || die "cargo has built no benchmark"

say "count instructions (callgrind)"
mkdir -p dist
counted=dist/instructions.tsv
while read -r task; do
  count=$(valgrind --tool=callgrind --callgrind-out-file=/dev/null --toggle-collect='instructions::measured*' \
    "$program" "$task" 2>&1 | sed -n 's/^.*Collected : \([0-9]*\)$/\1/p')
  [ -n "$count" ] || die "callgrind has counted nothing for $task"
  printf '%s\t%s\n' "$task" "$count"
done < <("$program" --list | grep "^${1:-}") >"$counted.partial"
[ -s "$counted.partial" ] || die "no task's name begins with ${1:-}"
mv "$counted.partial" "$counted"
