#!/usr/bin/env bash
# README's second command.
#
#   bash tests/run.sh            all that an edit of the sources should pass (some 25 minutes)
#   bash tests/run.sh quick      of that, what needs nothing but cargo, cc and the Pythons
#   bash tests/run.sh long       the rest: all cases with all Pythons, also in full mode, counted
#                                instructions, memory, packaging (some 40 minutes)
#
# What it needs beyond cargo it installs by package name where it may. A part that fails does not
# hold back the next ones; the last line says how many did.
set -euo pipefail
cd "$(dirname "$0")/.."
. ci/packages.sh
which=${1:-}

need cc gcc libc6-dev
need c++ g++
need make make
if ! python=$(bash tests/pythons.sh --one 2>/dev/null); then
    need "/usr/include/python3*/Python.h" python3-dev libpython3-dev
    python=$(bash tests/pythons.sh --one)
fi
# The same texts each time: what fails here was broken by the change at hand.
export PROPTEST_RNG_SEED=1
# Unit tests run inside this one; the C tests and the cases run with all that there are.
export PYO3_PYTHON=${PYO3_PYTHON:-$python}

passed=0 failures=()
mkdir -p target
part() {
    local name=$1 start=$SECONDS
    shift
    printf '\n== %s\n' "$name"
    if "$@" 2>&1 | tee target/part.log; then
        passed=$((passed + 1))
        printf -- '-- %s: passed in %s s\n' "$name" $((SECONDS - start))
    else
        # Its end is repeated at the end of all, where it is not lost among what passed.
        failures+=("$name"$'\n'"$(tail -n 15 target/part.log | sed 's/^/    /')")
        printf -- '-- %s: FAILED after %s s\n' "$name" $((SECONDS - start))
    fi
}

examples() {
    local each
    for each in $(bash tests/pythons.sh); do
        make -s -C examples_c run PYTHON="$each" >target/examples.log 2>&1 || {
            cat target/examples.log
            return 1
        }
        echo "$each: all examples show what they say"
    done
}

part "build" cargo build --release
if [ "$which" != long ]; then
    # Cases and C tests run with the library as it is shipped, which is several times as fast.
    part "unit tests, behaviour cases, C tests with each Python" \
        env PYRELOAD_LIB="$PWD/target/release/libpyreload.so" RUST_TEST_THREADS=4 cargo test --no-fail-fast
    part "the library as it is shipped" bash tests/library.sh target/release/libpyreload.so
    part "examples, with each Python" examples
fi
if [ "$which" = "" ]; then
    need gdb gdb
    part "an unmodified host: gdb" python3 tests/hosts/gdb_test.py
    # The same programs each time: what fails here was broken by the change at hand.
    part "equivalence with a restart, random programs" \
        timeout 150 python3 tests/equivalence/fuzz.py --seed 1 --count 300 --jobs 2 --no-shrink
    part "equivalence with a restart, small edits" \
        timeout 150 python3 tests/equivalence/small.py
    part "real packages that change version: 99.5 % of their tests pass" \
        timeout 240 python3 tests/packages/timetravel.py --subset --floor 99.5
fi
if [ "$which" = long ]; then
    need /usr/include/pybind11/embed.h pybind11-dev
    need cmake cmake
    need pkg-config pkg-config
    need valgrind valgrind
    part "cases, with each Python" \
        python3 tests/run_cases.py -v --lib target/release/libpyreload.so
    part "cases in full mode, with each Python" \
        python3 tests/run_cases.py -v --lib target/release/libpyreload.so --policy full
    part "cases against a restart, with each Python" \
        python3 tests/run_cases.py -v --engine restart
    part "counted instructions" sh benches/count.sh --check
    part "10,000 reloads, nothing grows" python3 tests/soak_reload.py --count 10000
    part "valgrind" bash tests/valgrind.sh
    part "packaging: SONAME, pkg-config, CMake, static" bash tests/packaging.sh
fi

printf '\n'
for name in ${failures+"${failures[@]}"}; do
    echo "failed: $name"
done
echo "$passed passed, ${#failures[@]} failed"
[ ${#failures[@]} = 0 ]
