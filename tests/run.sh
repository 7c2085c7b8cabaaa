#!/usr/bin/env bash
# README's second command: runs everything.
#
#   bash tests/run.sh            all of it
#   bash tests/run.sh quick      no valgrind, no soak, no packaging
#
# What it needs beyond cargo it installs by package name where it may.
set -euo pipefail
cd "$(dirname "$0")/.."
. ci/packages.sh
quick=${1:-}

need cc gcc libc6-dev
need c++ g++
need make make
python=$(bash tests/pythons.sh --one 2>/dev/null) || {
    need "/usr/include/python3*/Python.h" python3-dev libpython3-dev
    python=$(bash tests/pythons.sh --one)
}
# Unit tests run inside this one; the C tests and the cases run with all that there are.
export PYO3_PYTHON=${PYO3_PYTHON:-$python}
step() { printf '\n== %s\n' "$*"; }

step "cargo test"
cargo test --no-fail-fast

step "the library as it is shipped"
cargo build --release
bash tests/library.sh target/release/libpyreload.so

step "examples, with each Python"
need /usr/include/pybind11/embed.h pybind11-dev
for python in $(bash tests/pythons.sh); do
    make -s -C examples_c run PYTHON="$python"
done

if [ "$quick" != quick ]; then
    step "packaging: SONAME, pkg-config, CMake"
    need cmake cmake
    need pkg-config pkg-config
    bash tests/packaging.sh
    step "valgrind"
    need valgrind valgrind
    bash tests/valgrind.sh
    step "10,000 reloads"
    "$python" tests/soak_reload.py --count 10000
fi
step "all passed"
