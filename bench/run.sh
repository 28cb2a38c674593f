#!/usr/bin/env bash
# What the agent costs this kernel: opens, exec, Redis, with and without it. Arguments go to lapwing-bench; `latency` measures how long an alert takes,
# `network` what a web server loses.
set -euo pipefail
cd "$(dirname "$0")/.."
bash scripts/setup.sh build bench
cargo build --release -p lapwing -p lapwing-bench
exec target/release/lapwing-bench "$@"
