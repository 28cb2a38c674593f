#!/usr/bin/env bash
# Every test, phase by phase. A failing phase does not hide the ones after it; the exit code is that of all.
set -uo pipefail
cd "$(dirname "$0")/.."
# The oldest kernel that is promised, on which most is different, and the one that most machines run; the others are `make vm`'s. Only the
# function flavour: the other one is what the scenarios on this machine or `make vm` try.
: "${KERNELS:=5.10 6.12}" "${FUZZ_SECONDS:=60}"
# One of each kind of what a host may refuse, on 6.12; `vm-tests --refusals` has all of them, on any kernel.
REFUSALS=(capabilities-of-bpf-only no-function no-cgroup-v2 no-btf no-proc lockdown-confidentiality)

failed=() durations=()

# phase NAME COMMAND...
phase() {
    local name=$1 start=$SECONDS
    shift
    echo "=== $name"
    if "$@"; then echo "=== $name: ok"; else failed+=("$name"); echo "=== $name: FAILED"; fi
    durations+=("$(printf '%5d s  %s' $((SECONDS - start)) "$name")")
}

finish() {
    echo "=== durations"
    printf '%s\n' "${durations[@]}"
    if ((${#failed[@]})); then echo "=== FAILED:" "${failed[@]}"; exit 1; fi
    if ((EUID != 0)); then echo "=== SKIPPED, not root: all tests that load BPF programs into this kernel"; fi
    exit 0
}

setup() { bash scripts/setup.sh build test vm && bash scripts/venv.sh; }
build() { cargo test --release --workspace --no-run; }
tests() { cargo test --release --workspace --no-fail-fast; }
guests() {
    local kernel names=()
    for kernel in $KERNELS; do names+=(--kernel "$kernel"); done
    target/release/vm-tests "${names[@]}" --flavour function --with-refusals "${REFUSALS[@]}"
}

phase set-up setup
if ((${#failed[@]})); then finish; fi
# Tests that need root fail when they find themselves without it, unless told that this is known.
if ((EUID != 0)); then
    echo "=== not root: tests that load BPF programs into this kernel are SKIPPED; run make test as root for all"
    export LAPWING_SKIP_ROOT_TESTS=1
fi
phase build build
if ((${#failed[@]})); then finish; fi
phase tests tests
phase "guests $KERNELS" guests
if [[ -f exporter/fuzz/run.sh ]]; then
    phase fuzz bash exporter/fuzz/run.sh "$FUZZ_SECONDS"
fi
finish
