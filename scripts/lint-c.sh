#!/usr/bin/env bash
# Compiles every BPF program as the build does, for both architectures, warnings being errors.
set -euo pipefail
cd "$(dirname "$0")/.."
clang=$(command -v clang-19 || command -v clang)
target=${CARGO_TARGET_DIR:-target}
libbpf=$(find "$target/" -type d -path '*/libbpf-sys-*/out/include' -print -quit)
if [[ -z $libbpf ]]; then echo "lint: no libbpf headers below $target: build first" >&2; exit 1; fi

count=0
while read -r file; do
    for arch in x86 arm64; do
        "$clang" -g -O2 -target bpf -mcpu=v3 -D__TARGET_ARCH_$arch -Wall -Wextra -Werror -Wno-unused-parameter -I"$libbpf" -Ibpf/c -Ibpf/c/common \
            -c "$file" -o /dev/null
    done
    count=$((count + 1))
done < <(find bpf/c -name '*.bpf.c' | sort)
echo "lint: $count BPF programs compiled without a warning"
