#!/usr/bin/env bash
# Builds lapwing and the runner of scenarios for the arm64 guest: static, in target/aarch64-unknown-linux-gnu. Needs the packages of
# scripts/setup.sh's group vm-arm64 and Rust's standard library for that target; libelf comes from Debian's archive, below target/vm.
set -euo pipefail
cd "$(dirname "$0")/.."
readonly TARGET=aarch64-unknown-linux-gnu CC=aarch64-linux-gnu-gcc

library=$(rustc --print target-libdir --target $TARGET)
if ! compgen -G "$library/libstd-*.rlib" >/dev/null; then
    command -v rustup >/dev/null || { echo "build-arm64: no standard library of Rust for $TARGET (with Debian's rustc: libstd-rust-dev:arm64)" >&2; exit 1; }
    rustup target add $TARGET
fi

sysroot=$(target/release/vm-tests --arm64-sysroot)
export CARGO_TARGET_AARCH64_UNKNOWN_LINUX_GNU_LINKER=$CC CC_aarch64_unknown_linux_gnu=$CC
export CARGO_TARGET_AARCH64_UNKNOWN_LINUX_GNU_RUSTFLAGS="-C target-feature=+crt-static"
export CFLAGS_aarch64_unknown_linux_gnu="-idirafter $sysroot/usr/include"
export LIBBPF_SYS_LIBRARY_PATH="$sysroot/usr/lib/aarch64-linux-gnu"
cargo build --release --target $TARGET -p lapwing -p lapwing-bpf -p vm-tests --bins --features lapwing-bpf/static
