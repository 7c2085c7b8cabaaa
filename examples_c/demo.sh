#!/usr/bin/env bash
# README's first command: builds the library and shows a C host whose running loop picks up an
# edit. On a fresh machine it installs a compiler and Python's headers by package name, if it may.
#
#   bash examples_c/demo.sh            with the newest Python that can be embedded
#   PYTHON=python3.11 bash examples_c/demo.sh
set -euo pipefail
cd "$(dirname "$0")/.."
. ci/packages.sh

command -v cargo >/dev/null || {
    echo "cargo is missing: install Rust 1.95 or newer (rustup, or your distribution)" >&2
    exit 1
}
need cc gcc libc6-dev
need make make
if [ -z "${PYTHON:-}" ]; then
    if ! PYTHON=$(bash tests/pythons.sh --one 2>/dev/null); then
        need "/usr/include/python3*/Python.h" python3-dev libpython3-dev
        PYTHON=$(bash tests/pythons.sh --one)
    fi
fi

PYO3_PYTHON=$PYTHON cargo build --release
make -s -C examples_c run-minimal PYTHON="$PYTHON"
