#!/usr/bin/env bash
# What tests need of PyPI (the OTLP receivers that they send to, the schema of dashboards), in a virtual environment below target.
set -euo pipefail
cd "$(dirname "$0")/.."
readonly VENV=target/venv WANTED=scripts/test-requirements.txt

if cmp -s "$WANTED" "$VENV/installed.txt"; then exit 0; fi
# Debian's own Python: rotel is linked to its library.
/usr/bin/python3 -m venv --clear "$VENV"
complete=yes
while read -r requirement; do
    # One that has no build for this Python is said and left out; the test that needs it says so too.
    "$VENV/bin/pip" install --quiet --disable-pip-version-check "$requirement" || {
        echo "venv: $requirement cannot be installed here" >&2
        complete=no
    }
done <<<"$(grep -v '^#' "$WANTED")"
if [[ $complete == yes ]]; then cp "$WANTED" "$VENV/installed.txt"; fi
