#!/usr/bin/env bash
# Measures what the filter costs, beside Envoy's own filter and Lua: dist/bench.json,
# dist/bench.svg, dist/bench-scale.svg.
#
#   BENCH=full|quick|cpu|memory|scale   what, and how long (quick: all in < 3 min)
#   BENCH=mesh                          the hub instead: dist/bench-mesh.json, bench-mesh.md
#     BENCH_ROUNDS=60 BENCH_LOAD=20     how often, and for how many seconds (long: 300, 600)
#     BENCH_SEED=1                      what its pauses are drawn from
#     BENCH_ONLY=beat                   only what telling a hub costs a sidecar
#   BENCH_ONLY='GET, HTTP/1.1'           only the workloads whose title holds this
#   BENCH_STRICT=1                      fail where a budget is missed
#
# Nothing else should run meanwhile. `make bench` builds what is measured.

cd "$(dirname "$0")/.." && source scripts/lib.sh
source scripts/toolchain.sh

testbed=${CARGO_TARGET_DIR:-target}/debug/testbed
if [ "${BENCH:-}" = mesh ]; then
  arguments=(--rounds "${BENCH_ROUNDS:-60}" --load-seconds "${BENCH_LOAD:-20}")
  if [ -n "${BENCH_SEED:-}" ]; then arguments+=(--seed "$BENCH_SEED"); fi
  if [ -n "${BENCH_ONLY:-}" ]; then arguments+=(--only "$BENCH_ONLY"); fi
  if [ "${BENCH_STRICT:-}" = 1 ]; then arguments+=(--strict); fi
  say "measure (mesh)"
  exec "$testbed" bench-mesh "${arguments[@]}"
fi

effort=${BENCH:-full}
case $effort in
  full | quick | cpu | memory | scale) ;;
  *) die "BENCH=$effort is unknown; write full, quick, cpu, memory, scale or mesh" ;;
esac

have h2load || apt_install nghttp2-client || die "no h2load: on Debian 'apt-get install nghttp2-client'"

# What the compiler has left there; already built, so this only finds its place.
use_toolchain wasm32-wasip1
untrimmed=$WASM_TARGET_DIR/wasm32-wasip1/release/heartbeat_filter.wasm

arguments=(--effort "$effort" --untrimmed "$untrimmed")
if [ -n "${BENCH_ONLY:-}" ]; then arguments+=(--only "$BENCH_ONLY"); fi
if [ "${BENCH_STRICT:-}" = 1 ]; then arguments+=(--strict); fi

counted=dist/instructions.tsv
case $effort in
  full) scripts/instructions.sh && arguments+=(--instructions "$counted") ;;
  quick) scripts/instructions.sh classify/ordinary && arguments+=(--instructions "$counted") ;;
esac

say "measure ($effort)"
exec "$testbed" bench "${arguments[@]}"
