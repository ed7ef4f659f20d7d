.DEFAULT_GOAL := help
SHELL := bash

# Where the tests and the testbed find what the build made and the tools fetched.
export HEARTBEAT_MODULE ?= $(CURDIR)/dist/heartbeat_filter.wasm
export HEARTBEAT_ENVOY  ?= $(CURDIR)/.tools/envoy
export HEARTBEAT_PYTHON ?= $(CURDIR)/.tools/venv/bin/python

# Every native cargo call takes the same flags, so that all share one build.
CARGO_FLAGS := --locked --quiet

.PHONY: help
help: ## this list
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "  make %-10s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

.PHONY: build
build: ## compile the filter to dist/heartbeat_filter.wasm
	@scripts/build.sh

.PHONY: clean
clean: ## remove everything built or fetched
	rm -rf target dist .tools
