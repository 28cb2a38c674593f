#!/usr/bin/env bash
# Builds lapwing and the runner of scenarios for the arm64 guest: static, below target/aarch64-unknown-linux-gnu.
# Usage: scripts/build-arm64.sh LIBRARIES     the folder with Debian's libelf-dev:arm64 and zlib1g-dev:arm64; `vm-tests` fetches them and calls this
set -euo pipefail
cd "$(dirname "$0")/.."
readonly TARGET=aarch64-unknown-linux-gnu CC=aarch64-linux-gnu-gcc LIBRARIES=${1:?the folder of libelf for arm64}

if ! command -v $CC >/dev/null; then
    echo "build-arm64: no $CC: bash scripts/setup.sh vm-arm64" >&2
    exit 1
fi
if ! compgen -G "$(rustc --print target-libdir --target $TARGET)/libstd-*.rlib" >/dev/null; then
    if ! command -v rustup >/dev/null; then
        echo "build-arm64: this Rust has no standard library for $TARGET, and there is no rustup to add it" >&2
        exit 1
    fi
    rustup target add $TARGET
fi

# For this target only: what runs while building is for this machine.
export CARGO_TARGET_AARCH64_UNKNOWN_LINUX_GNU_LINKER=$CC CC_aarch64_unknown_linux_gnu=$CC
export CARGO_TARGET_AARCH64_UNKNOWN_LINUX_GNU_RUSTFLAGS="-C target-feature=+crt-static"
# Behind the cross compiler's own headers.
export CFLAGS_aarch64_unknown_linux_gnu="-idirafter $LIBRARIES/usr/include"
export LIBBPF_SYS_LIBRARY_PATH_aarch64_unknown_linux_gnu="$LIBRARIES/usr/lib/aarch64-linux-gnu"
# A feature of libbpf-rs holds for what is linked into its build script too, which is this machine's.
host=$(rustc -vV | sed -n 's/^host: //p')
export "LIBBPF_SYS_LIBRARY_PATH_${host//-/_}=$(dirname "$(gcc -print-file-name=libelf.a)")"
exec cargo build --release --target $TARGET -p lapwing -p vm-tests --bins --features lapwing-bpf/static
