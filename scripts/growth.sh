#!/usr/bin/env bash
# growth.sh [WHAT]: checks that the work of the core grows no faster than its input. Of
# each task called grows/WHAT/SIZE the instructions at its two sizes are compared.

cd "$(dirname "$0")/.." && source scripts/lib.sh

scripts/instructions.sh "grows/${1:-}"

# 5 % of tolerance: hash tables are seeded at random, and memory grows in steps.
awk -F '\t' '
  { split($1, part, "/"); what = part[2]; size = part[3] }
  !(what in small) { small[what] = size; least[what] = $2; next }
  {
    compared++
    grown = $2 / least[what]; allowed = size / small[what]
    if (grown > allowed * 1.05) {
      printf "error: %s: %.1f times the input takes %.1f times the instructions (%d, %d)\n", \
        what, allowed, grown, least[what], $2
      failed = 1
    }
  }
  END {
    if (!compared) { print "error: nothing was compared"; failed = 1 }
    else if (!failed) printf "%d kinds of input: the work grows no faster than any of them\n", compared
    exit failed
  }' dist/instructions.tsv
