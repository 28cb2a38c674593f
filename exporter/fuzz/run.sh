#!/usr/bin/env bash
# Builds the fuzz targets with the stable toolchain and runs each for SECONDS (default 60).
# Usage: exporter/fuzz/run.sh [SECONDS [TARGET...]]
# Exits with 1 when a target crashed, hung or ran out of memory; the input that did it stays in exporter/fuzz/artifacts.
set -uo pipefail
cd "$(dirname "$0")"
seconds=${1:-60}
shift || true
readonly HOST=x86_64-unknown-linux-gnu
targets=("$@")
if ((${#targets[@]} == 0)); then
    for file in targets/*.rs; do targets+=("$(basename "$file" .rs)"); done
fi

# What `cargo fuzz` would pass, without the sanitizers that need a nightly compiler: our crates hold next to no unsafe code, the
# prey are panics, overflows, endless loops and memory without bound. --target keeps the flags off build scripts and macros.
flags="-Cpasses=sancov-module -Cllvm-args=-sanitizer-coverage-level=4 -Cllvm-args=-sanitizer-coverage-inline-8bit-counters"
flags+=" -Cllvm-args=-sanitizer-coverage-pc-table -Cllvm-args=-sanitizer-coverage-trace-compares --cfg fuzzing"
bins=()
for target in "${targets[@]}"; do bins+=(--bin "$target"); done
RUSTFLAGS="$flags" cargo build --release --target "$HOST" "${bins[@]}" || exit 1

# Runs one target; its log tells the rest.
fuzz() {
    local target=$1
    # New inputs go to the first directory, which is not kept in git; the seeds are only read.
    mkdir -p "artifacts/$target" "target/corpus/$target"
    local options=(-max_total_time="$seconds" -timeout=10 -rss_limit_mb=1024 -max_len=65536 -verbosity=0 -print_final_stats=1
        -artifact_prefix="artifacts/$target/")
    if [[ -f dictionaries/$target ]]; then options+=(-dict="dictionaries/$target"); fi
    "target/$HOST/release/$target" "target/corpus/$target" "seeds/$target" "${options[@]}" >"target/$target.log" 2>&1
}

# As many at a time as there are processors: each is one thread.
failed=() width=$(nproc)
for ((first = 0; first < ${#targets[@]}; first += width)); do
    batch=("${targets[@]:first:width}") pids=()
    for target in "${batch[@]}"; do
        fuzz "$target" &
        pids+=($!)
    done
    for index in "${!batch[@]}"; do
        target=${batch[index]}
        wait "${pids[index]}"
        code=$?
        echo "--- $target: $(find "seeds/$target" -type f | wc -l) seeds, $seconds s"
        if ((code == 0)); then
            grep -E "number_of_executed_units|peak_rss_mb" "target/$target.log"
        else
            failed+=("$target")
            tail -n 60 "target/$target.log"
        fi
    done
done
if ((${#failed[@]})); then
    echo "--- FAILED: ${failed[*]}; the inputs are in exporter/fuzz/artifacts/TARGET, run one again with" \
        "exporter/fuzz/target/$HOST/release/TARGET FILE"
    exit 1
fi
