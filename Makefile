.DEFAULT_GOAL := help
SHELL := bash

# Where the tests and the testbed find what was built and fetched.
export HEARTBEAT_MODULE ?= $(CURDIR)/dist/heartbeat_filter.wasm
export HEARTBEAT_HUB_MODULE ?= $(CURDIR)/dist/heartbeat_hub.wasm
export HEARTBEAT_ENVOY  ?= $(CURDIR)/.tools/envoy
export HEARTBEAT_PYTHON ?= $(CURDIR)/.tools/venv/bin/python
export HEARTBEAT_GRPC_HEALTH_PROBE ?= $(CURDIR)/.tools/bin/grpc_health_probe
export HEARTBEAT_PROMETHEUS ?= $(CURDIR)/.tools/bin
export HEARTBEAT_CLOCK ?= $(CURDIR)/.tools/lib/clock.so
export HEARTBEAT_ADMISSION ?= $(CURDIR)/.tools/bin/admission
export HEARTBEAT_ISTIOD ?= $(CURDIR)/.tools/bin/istiod
export HEARTBEAT_ISTIO ?= $(CURDIR)/.tools/istio
export HEARTBEAT_IPTABLES ?= $(CURDIR)/.tools/iptables
export HEARTBEAT_ENVOY_GATEWAY ?= $(CURDIR)/.tools/gateway/envoy-gateway
export HEARTBEAT_OTELCOL ?= $(CURDIR)/.tools/bin/otelcol
export HEARTBEAT_MOSQUITTO ?= $(CURDIR)/.tools/mosquitto/bin
export HEARTBEAT_REGISTRY ?= $(CURDIR)/.tools/bin/docker-registry

# Every call selects all crates and then picks targets: a smaller selection would ask for
# other features, and the dependencies would be compiled once more for it. Hence no
# `cargo run` either.
NATIVE := --locked --quiet --workspace
TESTBED := $(or $(CARGO_TARGET_DIR),target)/debug/testbed

# Cargo's own lock would make parallel goals wait for each other anyway.
.NOTPARALLEL:

.PHONY: help
help: ## this list
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "  make %-14s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

.PHONY: build
build: ## compile the filter and the hub to dist/heartbeat_filter.wasm, dist/heartbeat_hub.wasm
	@scripts/build.sh

.PHONY: cli
cli: ## compile heartbeatctl, which checks and explains configurations, to dist/heartbeatctl
	@scripts/cli.sh

.PHONY: image
image: build ## pack them: OCI images and artifacts in dist/image, SBOMs, checksums
	@scripts/image.sh

.PHONY: push
push: $(if $(IMAGE),image) ## push all to a registry: make push IMAGE=registry.example.com/heartbeat-filter:0.1.0 [HUB_IMAGE=…]
	@scripts/push.sh "$(IMAGE)" "$(HUB_IMAGE)"

.PHONY: demo
demo: build envoy ## see it work: a real Envoy, a demo application, a few probes
	@cargo build $(NATIVE) --bin testbed
	@$(TESTBED) demo

.PHONY: demo-mesh
demo-mesh: build envoy mosquitto chromium ## see the hub work: six instances, three kinds of sources that disagree, a gateway that follows
	@cargo build $(NATIVE) --bin testbed
	@$(TESTBED) demo-mesh

.PHONY: run
run: build envoy ## start Envoy with the filter and the demo application, and leave them running
	@cargo build $(NATIVE) --bin testbed
	@$(TESTBED) run

.PHONY: run-fleet
run-fleet: build envoy prometheus ## start services that call each other, one that fails, and a Prometheus beside them, and leave them running (CYCLE=1: in a circle)
	@cargo build $(NATIVE) --bin testbed
	@$(TESTBED) run-fleet $(if $(CYCLE),--cycle)

.PHONY: test
test: test-unit test-growth test-module test-wasm test-envoy test-image test-testbed ## every test below

.PHONY: test-unit
test-unit: ## unit tests of the core, the command line and the testbed, on this machine, and who may import whom
	@echo "==> test the native crates"
	@cargo test $(NATIVE) --lib --bins --test layers --test modules --test schema --test heat_map

.PHONY: test-module
test-module: build ## the built modules: their size, their imports, their exports, what requests cost in host calls
	@echo "==> test the built modules"
	@cargo test $(NATIVE) --test module --test abi --test host_calls

.PHONY: test-growth
test-growth: ## the core's work grows no faster than its input (callgrind)
	@scripts/growth.sh

.PHONY: test-wasm
test-wasm: ## the core's tests as WebAssembly, under Node
	@scripts/test-wasm.sh

.PHONY: test-envoy
test-envoy: build envoy older-envoys grpc-health-probe prometheus clock crds chromium mosquitto sarif ## the filter in real Envoys: scenarios, every shipped configuration, updates as istiod sends them, a real Prometheus
	@echo "==> test the filter in Envoy"
	@cargo test $(NATIVE) --test scenarios --test detection --test configs --test docs --test observability --test fleet --test istiod --test mesh --test mesh_demo --test heartbeatctl --test explain

.PHONY: test-image
test-image: image envoy registry ## what is released: packed alike anywhere, pushed to a real registry and back
	@echo "==> test the image"
	@cargo test $(NATIVE) --test image

.PHONY: test-istio
test-istio: image envoy older-envoys registry iptables ## the shipped resources in Istio: a real istiod, its agent and its authority in front of every supported Envoy (needs Go)
	@scripts/controlplanes.sh istio

.PHONY: test-gateway
test-gateway: image envoy older-envoys registry ## the shipped policy in Envoy Gateway, standalone, in front of every supported Envoy (needs Go)
	@scripts/controlplanes.sh gateway

.PHONY: test-admission
test-admission: ## what a Kubernetes API server says of the shipped resources, by the real CRDs (needs Go)
	@scripts/controlplanes.sh admission

.PHONY: test-otel
test-otel: build envoy ## the shipped configuration in a real OpenTelemetry Collector, and what arrives by OTLP (needs Go)
	@scripts/controlplanes.sh otel

# The other scenarios have just run in the same Envoy.
.PHONY: test-testbed
test-testbed: ## hosts that fail: the scenarios of `make testbed` that need containers
	@scripts/testbed.sh hosts::

.PHONY: testbed
testbed: ## every scenario in containers: application, stock Envoy, prober, Prometheus
	@scripts/testbed.sh

.PHONY: bench
bench: build envoy ## what the filter costs, beside Envoy's own filter and Lua (BENCH=quick: in short)
	@cargo build $(NATIVE) --bin testbed
	@scripts/bench.sh

.PHONY: schema
schema: ## write the schemas of configurations in envoy-config/schema anew from the tables of keys
	@BLESS=1 cargo test $(NATIVE) --lib the_schema_is_as_the_table_of_keys_says

.PHONY: lint
lint: ## formatting, clippy, shellcheck, advisories
	@scripts/lint.sh

.PHONY: clean
clean: ## remove everything built or fetched
	@scripts/testbed.sh --clean
	rm -rf target dist .tools

.PHONY: envoy
envoy:
	@scripts/envoy.sh

.PHONY: older-envoys
older-envoys: envoy
	@scripts/older-envoys.sh

.PHONY: iptables
iptables:
	@scripts/iptables.sh

.PHONY: registry
registry:
	@scripts/registry.sh

.PHONY: grpc-health-probe
grpc-health-probe: envoy
	@scripts/grpc-health-probe.sh

.PHONY: prometheus
prometheus:
	@scripts/prometheus.sh

.PHONY: chromium
chromium: envoy
	@scripts/chromium.sh

.PHONY: clock
clock:
	@scripts/clock.sh

.PHONY: mosquitto
mosquitto:
	@scripts/mosquitto.sh

.PHONY: sarif
sarif:
	@scripts/sarif.sh

.PHONY: crds
crds: envoy
	@scripts/crds.sh
