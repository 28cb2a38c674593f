#!/usr/bin/env bash
# Installs the Debian or Ubuntu packages that a make target needs, or says exactly which are missing.
# Usage: scripts/setup.sh GROUP...      groups: build, bench, test, vm, vm-arm64
# Nothing is done when all are there. Services that a package brings are not started.
set -euo pipefail

# The clang that the BPF programs are compiled with: the one that is used every day where it is to be had.
readonly CLANG=clang-19

declare -A GROUPS_OF=(
    [build]="gcc g++ libc6-dev make pkg-config libelf-dev zlib1g-dev"
    [bench]="redis-tools nginx-light wrk"
    [vm]="qemu-system-x86 busybox-static debian-archive-keyring xz-utils"
    [vm-arm64]="qemu-system-arm gcc-aarch64-linux-gnu libc6-dev-arm64-cross"
    [test]="curl ca-certificates openssl nginx-light tcpdump prometheus prometheus-alertmanager python3 python3-venv"
)
# Wanted by single tests, which say so when they are not there; not every release has them.
declare -A OPTIONAL_OF=([test]="libpython3.11 nodejs")

installed() { [[ "$(dpkg-query -W -f '${db:Status-Status}' "$1" 2>/dev/null)" == installed ]]; }
available() { [[ "$(apt-cache policy "$1" 2>/dev/null)" == *"Candidate: "[^\(]* ]]; }
have_clang() { command -v "$CLANG" >/dev/null || command -v clang >/dev/null; }

# Prints what of the given groups is not installed.
missing_of() {
    local group package
    for group in "$@"; do
        if [[ $group == build ]] && ! have_clang; then
            if available "$CLANG" || ! available clang; then echo "$CLANG"; else echo clang; fi
        fi
        for package in ${GROUPS_OF[$group]}; do
            installed "$package" || echo "$package"
        done
    done
}

optional_of() {
    local group package
    for group in "$@"; do
        for package in ${OPTIONAL_OF[$group]:-}; do
            if ! installed "$package" && available "$package"; then echo "$package"; fi
        done
    done
}

# A package's services stay off while this policy is there; the machine's own policy is put back.
readonly POLICY=/usr/sbin/policy-rc.d
hold_services() {
    # One that an interrupted run saved is still the machine's own.
    if [[ -e $POLICY && ! -e $POLICY.lapwing-saved ]]; then mv "$POLICY" "$POLICY.lapwing-saved"; fi
    printf '#!/bin/sh\nexit 101\n' >"$POLICY"
    chmod 755 "$POLICY"
    trap release_services EXIT
}
release_services() {
    rm -f "$POLICY"
    if [[ -e $POLICY.lapwing-saved ]]; then mv "$POLICY.lapwing-saved" "$POLICY"; fi
}

for group in "$@"; do
    if [[ -z ${GROUPS_OF[$group]:-} ]]; then echo "setup: no such group: $group" >&2; exit 2; fi
done
command -v cargo >/dev/null || { echo "setup: no cargo: install a Rust toolchain (1.88 or newer) first" >&2; exit 1; }
if ! command -v apt-get >/dev/null; then
    echo "setup: no apt-get here; the equivalents of these packages are needed:" "$CLANG" "${GROUPS_OF[@]}" >&2
    exit 0
fi

read -r -d "" -a missing <<<"$(missing_of "$@")" || true
if ((${#missing[@]} == 0)); then exit 0; fi
if ((EUID != 0)); then
    echo "setup: these packages are missing: ${missing[*]}" >&2
    echo "setup: install them with: sudo apt-get install ${missing[*]}" >&2
    exit 1
fi

export DEBIAN_FRONTEND=noninteractive
apt-get -q update
# Asked again: only now is it known what this release has.
read -r -d "" -a missing <<<"$(missing_of "$@"; optional_of "$@")" || true
echo "setup: installing ${missing[*]}"
hold_services
apt-get -q install -y --no-install-recommends "${missing[@]}"
