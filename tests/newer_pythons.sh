#!/usr/bin/env bash
# CPython 3.14 and 3.15, newer than this machine has: their libraries are taken from Debian's
# unstable suite, without root and without installing anything. Every C program of tests/capi, the
# examples in C, and the behaviour cases run with them and with the same libpyreload.so as with
# all others: with the last version all cases, with those before it every third one.
#
#   bash tests/newer_pythons.sh [VERSION...]        default: 3.14 3.15
#
# Needs a Debian machine with apt-get, dpkg and cc. The packages (about 45 MB, unpacked 130 MB)
# stay in target/sid; remove that folder to fetch newer ones. PYRELOAD_LIB names another library
# than target/release's. The interpreters are left as target/sid/bin/python3.14 and so on.
set -euo pipefail
cd "$(dirname "$0")/.."
top=$PWD
sid=$top/target/sid
versions=("$@")
[ $# -gt 0 ] || versions=(3.14 3.15)
library=${PYRELOAD_LIB:-$top/target/release/libpyreload.so}
[ -e "$library" ] || cargo build --release
library=$(realpath "$library")

# The mirror that this machine's own apt uses.
mirror() {
    cat /etc/apt/sources.list.d/*.sources /etc/apt/sources.list 2>/dev/null |
        sed -nE 's/^URIs:[[:space:]]*([^[:space:]]+).*/\1/p; s/^deb[[:space:]]+(\[[^]]*\][[:space:]]+)?([^[:space:]]+)[[:space:]].*[[:space:]]main.*/\2/p' |
        grep -v security | head -n 1
}

fetch() {
    local keyring=/usr/share/keyrings/debian-archive-keyring.gpg
    local packages=(libc6 libexpat1 zlib1g libffi8 libssl3t64 libsqlite3-0 liblzma5 libbz2-1.0
                    libuuid1 libzstd1) version
    for version in "${versions[@]}"; do
        packages+=("libpython$version" "libpython$version-minimal" "libpython$version-stdlib"
                   "libpython$version-dev")
    done
    mkdir -p "$sid"/state/lists/partial "$sid"/cache/archives/partial "$sid"/unpacked
    printf 'Types: deb\nURIs: %s\nSuites: sid\nComponents: main\nSigned-By: %s\n' \
        "$(mirror)" "$keyring" >"$sid/sid.sources"
    # An empty status file: what this machine has installed must not matter.
    : >"$sid/state/status"
    local options=(-o "Dir::Etc::sourcelist=$sid/sid.sources" -o Dir::Etc::sourceparts=-
                   -o "Dir::State=$sid/state" -o "Dir::State::lists=$sid/state/lists"
                   -o "Dir::State::status=$sid/state/status" -o "Dir::Cache=$sid/cache"
                   -o APT::Sandbox::User=)
    apt-get -qq "${options[@]}" update
    (cd "$sid/cache" && apt-get -qq "${options[@]}" download "${packages[@]}")
    local deb
    for deb in "$sid"/cache/*.deb; do
        dpkg -x "$deb" "$sid/unpacked"
        rm "$deb"
    done
}

for version in "${versions[@]}"; do
    if [ ! -e "$sid/fetched-$version" ]; then
        fetch
        for got in "${versions[@]}"; do : >"$sid/fetched-$got"; done
        break
    fi
done

triplet=$(cc -print-multiarch)
libs=$sid/unpacked/usr/lib/$triplet
loader=$(find "$libs" -name 'ld-linux*.so.*' | head -n 1)
[ -n "$loader" ] || { echo "no dynamic loader in $libs" >&2; exit 1; }

# These Pythons want a newer C library than the machine's, hence the foreign loader, and DT_RPATH
# (not RUNPATH), which also counts for the libraries' own libraries.
link() {
    local version=$1 program=$2
    shift 2
    cc -std=gnu11 -g -O1 -w -pthread -Iinclude -I"$sid/unpacked/usr/include/python$version" \
        -I"$sid/unpacked/usr/include" -o "$program" "$@" \
        -L"$libs" "-lpython$version" -Wl,--disable-new-dtags \
        -Wl,-rpath,"$libs:$(dirname "$library")" \
        -Wl,--dynamic-linker="$loader" -Wl,--allow-shlib-undefined
}

# Packages that cases need, taken for that version by any Python that has pip. Without a package
# index, or where a package is not made for that version yet, those cases are named and left out.
packages() {
    local version=$1 pip package place
    place=$sid/unpacked/usr/local/lib/python$version/dist-packages
    [ ! -e "$sid/packages-$version" ] || return 0
    pip=$(bash tests/pythons.sh | while read -r each; do
        ! "$each" -m pip --version >/dev/null 2>&1 || { echo "$each"; break; }
    done)
    [ -n "$pip" ] || return 0
    for package in attrs click flask pydantic; do
        timeout 120 "$pip" -m pip install -q --disable-pip-version-check --upgrade \
            --target "$place" --python-version "$version" --only-binary=:all: \
            "$package" >"$sid/pip.log" 2>&1 || echo "$package for $version can not be had"
    done
    : >"$sid/packages-$version"
}

passed=0 failed=0
mkdir -p "$sid/bin" "$sid/tmp"
for version in "${versions[@]}"; do
    for source in examples_c/minimal.c examples_c/script_host.c examples_c/notebook_hook.c \
        examples_c/event_loop.c tests/capi/*.c; do
        name=$(basename "$source" .c)
        [ "$name" != no_python ] || continue
        program=$sid/bin/$name-$version
        link "$version" "$program" "$source" "$library"
        if PYTHONHOME=$sid/unpacked/usr PYRELOAD_LIBRARY=$library TMPDIR=$sid/tmp \
            timeout 150 "$program" >"$program.log" 2>&1; then
            passed=$((passed + 1))
        else
            failed=$((failed + 1))
            echo "FAILED with $version: $name (see $program.log)"
            sed 's/^/    /' "$program.log" | tail -n 15
        fi
    done
    python=$sid/bin/python$version
    link "$version" "$python" -DPYTHON_HOME="\"$sid/unpacked/usr\"" tests/newer_python.c
    packages "$version"
    # Like the Pythons in between elsewhere; named alone, it runs all.
    every=3
    [ "$version" != "${versions[${#versions[@]} - 1]}" ] || every=1
    timeout 900 python3 tests/run_cases.py --lib "$library" --python "$python" -v --every "$every" ||
        failed=$((failed + 1))
    if [ -e ../shared/cases ]; then
        timeout 900 python3 tests/run_shared_cases.py --lib "$library" --python "$python" ||
            failed=$((failed + 1))
    fi
    echo "CPython $version: done"
done
echo "$passed programs passed, $failed programs or sets of cases failed"
[ "$failed" = 0 ]
