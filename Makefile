# Every target does its own set-up: on Debian or Ubuntu, as root, nothing but git, make and a Rust toolchain is needed before.

SHELL := /bin/bash
KERNEL ?= 6.12
FUZZ_SECONDS ?= 60
export CARGO_TERM_COLOR ?= auto
# For lapwing_build_info; a build without git has none.
export LAPWING_REVISION ?= $(shell git rev-parse --short=12 HEAD 2>/dev/null)

.PHONY: help run build test vm bench fuzz fmt lint
.DEFAULT_GOAL := help

help: ## This list
	@grep -E '^[a-z]+:.*## ' $(MAKEFILE_LIST) | sed -E 's/:.*## /\t/' | expand -t 10

run: build ## Build in release and start the agent with the demo profile (root)
	target/release/lapwing run --profile demo

build: ## Build in release
	@bash scripts/setup.sh build
	cargo build --release

test: ## Every test: units, host scenarios (root), a guest with Debian's 6.12 kernel, fuzz targets
	@KERNEL=$(KERNEL) FUZZ_SECONDS=$(FUZZ_SECONDS) bash scripts/test.sh

vm: ## The scenarios in a QEMU guest (KERNEL=6.12)
	@bash scripts/setup.sh build vm
	cargo build --release --workspace --bins
	target/release/vm-tests --kernel $(KERNEL) --scenarios

bench: ## Engine benchmarks, then the cost of the hooks on this kernel (root)
	@bash scripts/setup.sh build bench
	cargo bench -p lapwing-engine
	bash bench/run.sh

fuzz: ## Each fuzz target for FUZZ_SECONDS (60) seconds
	@bash scripts/setup.sh build
	bash exporter/fuzz/run.sh $(FUZZ_SECONDS)

fmt: ## Format the sources
	cargo fmt --all

lint: ## Formatting, clippy and the C compiler, warnings being errors
	@bash scripts/setup.sh build
	cargo fmt --all --check
	cargo clippy --release --workspace --all-targets -- -D warnings
	@bash scripts/lint-c.sh
