#!/usr/bin/env bash
# What the shipped file must be: only pyreload_* is exported, exactly what the header declares; no
# libpython and no run path are named in it; every Python symbol it wants is in CPython 3.9's
# stable ABI, that is, it loads into each Python of the machine.
#
#   bash tests/library.sh target/release/libpyreload.so
set -euo pipefail
library=$(realpath "$1")
cd "$(dirname "$0")/.."
scratch=$(mktemp -d)
trap 'rm -rf "$scratch"' EXIT

nm -D --defined-only "$library" | awk '$2 ~ /[A-Z]/ { print $3 }' | sort >"$scratch/exported"
tr '\n' ' ' <include/pyreload.h | grep -oE 'PYRELOAD_API [^;(]*\(' |
    grep -oE 'pyreload_[a-z0-9_]+\($' | tr -d '(' | sort -u >"$scratch/declared"
diff -u "$scratch/declared" "$scratch/exported" ||
    { echo "the header and the exported symbols differ" >&2; exit 1; }

dynamic=$(readelf -d "$library")
if grep -E 'libpython|RPATH|RUNPATH' <<<"$dynamic"; then
    echo "the library names a Python, or a folder of this machine" >&2
    exit 1
fi
for python in $(bash tests/pythons.sh); do
    got=$("$python" -c '
import ctypes, sys
lib = ctypes.PyDLL(sys.argv[1])
lib.pyreload_version_string.restype = ctypes.c_char_p
r = ctypes.c_void_p()
assert lib.pyreload_create(None, ctypes.byref(r)) == 0 and r.value
assert lib.pyreload_check(r, 0, None) == 0
lib.pyreload_destroy.argtypes = [ctypes.c_void_p]
lib.pyreload_destroy(r)
print(lib.pyreload_version_string().decode())' "$library")
    echo "$python: loads $got"
done
echo "$(wc -l <"$scratch/exported") exported symbols, $(stat -c %s "$library") bytes"
