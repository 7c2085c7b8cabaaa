#!/usr/bin/env bash
# 10,000 reloads in one process: nothing may grow. See tests/soak.py for what is counted.
#
#   bash tests/soak.sh [RELOADS]
set -euo pipefail
cd "$(dirname "$0")/.."
library=$PWD/target/release/libpyreload.so
[ -e "$library" ] || cargo build --release
for python in ${PYTHON:-$(bash tests/pythons.sh --one)}; do
    "$python" tests/soak.py "$library" "${1:-10000}"
done
