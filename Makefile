# Every target does its own set-up: on Debian or Ubuntu, as root, nothing but git, make and a Rust toolchain is needed before.

SHELL := /bin/bash
# Some kernels, scenarios (parts of names) or a flavour only: make vm KERNEL="5.10 newest" SCENARIO=file- FLAVOUR=function
KERNEL ?=
SCENARIO ?=
FLAVOUR ?=
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

test: ## Every test: units, host scenarios (root), guests with Debian's 5.10 and 6.12 kernels, fuzz targets
	@KERNELS="$(KERNEL)" FUZZ_SECONDS=$(FUZZ_SECONDS) bash scripts/test.sh

vm: ## Every scenario on every kernel of the matrix, in QEMU (KERNEL=, SCENARIO=, FLAVOUR=; PAGE=1 writes docs/kernels.md)
	@bash scripts/setup.sh build vm $(if $(filter arm64,$(or $(KERNEL),arm64)),vm-arm64)
	cargo build --release --workspace --bins
	target/release/vm-tests $(addprefix --kernel ,$(KERNEL)) $(if $(FLAVOUR),--flavour $(FLAVOUR)) $(if $(PAGE),--page) \
	    $(if $(SCENARIO),--scenarios $(SCENARIO))

bench: ## Engine benchmarks, then the cost of the hooks on this kernel (root)
	@bash scripts/setup.sh build bench
	cargo bench -p lapwing-engine
	bash bench/run.sh

fuzz: ## Each fuzz target for FUZZ_SECONDS (60) seconds
	@bash scripts/setup.sh build
	bash exporter/fuzz/run.sh $(FUZZ_SECONDS)

fmt: ## Format the sources
	cargo fmt --all
	cargo fmt --manifest-path exporter/fuzz/Cargo.toml

lint: ## Formatting, clippy and the C compiler, warnings being errors
	@bash scripts/setup.sh build
	cargo fmt --all --check
	cargo fmt --manifest-path exporter/fuzz/Cargo.toml --check
	cargo clippy --release --workspace --all-targets -- -D warnings
	@bash scripts/lint-c.sh
