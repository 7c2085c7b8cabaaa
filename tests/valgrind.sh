#!/usr/bin/env bash
# Runs C tests under valgrind: no invalid read or write, no use of what was not set, and no block of
# the library's own that is lost at the end. What CPython itself does is in valgrind-python.supp.
#
#   bash tests/valgrind.sh [PROGRAM...]        default: reports callbacks
set -euo pipefail
cd "$(dirname "$0")/.."
library=$PWD/target/debug/libpyreload.so
[ -e "$library" ] || cargo build
programs=("$@")
[ $# -gt 0 ] || programs=(reports callbacks)
# The interpreter's own computed jumps and vector code differ by version; one is enough here, the
# rest of the versions run the same programs without valgrind.
python=${PYTHON:-$(bash tests/pythons.sh --one)}
read -ra flags <<<"-std=gnu99 -g -O1 -w -pthread -Iinclude $("$python" examples_c/pyflags.py --cflags)"
read -ra libs <<<"$("$python" examples_c/pyflags.py --ldflags)"
out=$PWD/target/valgrind
mkdir -p "$out"

for name in "${programs[@]}"; do
    cc "${flags[@]}" -o "$out/$name" "tests/capi/$name.c" "$library" \
        -Wl,-rpath,"$(dirname "$library")" "${libs[@]}"
    # malloc for Python's objects too, so that each is a block valgrind knows.
    if ! PYTHONMALLOC=malloc PYTHONHASHSEED=0 PYRELOAD_LIBRARY=$library TMPDIR=$out valgrind \
        --quiet --error-exitcode=9 --leak-check=full --show-leak-kinds=definite \
        --errors-for-leak-kinds=definite --num-callers=30 \
        --suppressions=tests/valgrind-python.supp --log-file="$out/$name.log" "$out/$name"; then
        cat "$out/$name.log" >&2
        echo "valgrind: $name FAILED" >&2
        exit 1
    fi
    echo "valgrind: $name is clean"
done
