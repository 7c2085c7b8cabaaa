#!/usr/bin/env bash
# CPython 3.14 and 3.15, newer than this machine has: their libraries are taken from Debian's
# unstable suite, without root and without installing anything, and every C program of tests/capi,
# and the examples in C, run with them and with the same libpyreload.so as with all others.
#
#   bash tests/newer_pythons.sh [VERSION...]        default: 3.14 3.15
#
# Needs a Debian machine with apt-get, dpkg and cc. The packages (about 45 MB, unpacked 130 MB)
# stay in target/sid; remove that folder to fetch newer ones.
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
passed=0 failed=0
mkdir -p "$sid/bin" "$sid/tmp"
for version in "${versions[@]}"; do
    for source in examples_c/minimal.c examples_c/script_host.c examples_c/notebook_hook.c \
        examples_c/event_loop.c tests/capi/*.c; do
        name=$(basename "$source" .c)
        [ "$name" != no_python ] || continue
        program=$sid/bin/$name-$version
        cc -std=gnu11 -g -O1 -w -pthread -Iinclude -I"$sid/unpacked/usr/include/python$version" \
            -I"$sid/unpacked/usr/include" -o "$program" "$source" "$library" \
            -L"$libs" "-lpython$version" -Wl,--disable-new-dtags \
            -Wl,-rpath,"$libs:$(dirname "$library")" \
            -Wl,--dynamic-linker="$loader" -Wl,--allow-shlib-undefined
        if PYTHONHOME=$sid/unpacked/usr PYRELOAD_LIBRARY=$library TMPDIR=$sid/tmp \
            timeout 150 "$program" >"$program.log" 2>&1; then
            passed=$((passed + 1))
        else
            failed=$((failed + 1))
            echo "FAILED with $version: $name (see $program.log)"
            sed 's/^/    /' "$program.log" | tail -n 15
        fi
    done
    echo "CPython $version: done"
done
echo "$passed passed, $failed failed"
[ "$failed" = 0 ]
