#!/usr/bin/env bash
# Installs into a folder of its own, and builds hosts against that as users do: by pkg-config, by
# CMake's find_package, and with the static library.
set -euo pipefail
cd "$(dirname "$0")/.."
scratch=$PWD/target/packaging
rm -rf "$scratch"
mkdir -p "$scratch"
prefix=$scratch/prefix
python=${PYTHON:-$(bash tests/pythons.sh --one)}
py_cflags=$("$python" examples_c/pyflags.py --cflags)
py_ldflags=$("$python" examples_c/pyflags.py --ldflags)

bash install.sh --prefix "$prefix"
so=$(ls "$prefix"/lib/libpyreload.so.*.*.*)
soname=$(readelf -d "$so" | sed -n 's/.*(SONAME).*\[\(.*\)\]/\1/p')
[ -n "$soname" ] && [ -e "$prefix/lib/$soname" ] || { echo "SONAME is '$soname'" >&2; exit 1; }
bash tests/library.sh "$so"

echo "-- pkg-config"
export PKG_CONFIG_PATH=$prefix/lib/pkgconfig
# shellcheck disable=SC2046,SC2086
cc -std=gnu99 -o "$scratch/minimal" examples_c/minimal.c $(pkg-config --cflags --libs pyreload) \
    -Wl,-rpath,"$prefix/lib" $py_cflags $py_ldflags
readelf -d "$scratch/minimal" | grep -q "NEEDED.*$soname"
"$scratch/minimal" >"$scratch/minimal.out" || { cat "$scratch/minimal.out" >&2; exit 1; }

echo "-- static library"
# shellcheck disable=SC2086
cc -std=gnu99 -DPYRELOAD_STATIC -I"$prefix/include" -o "$scratch/static" examples_c/minimal.c \
    "$prefix/lib/libpyreload.a" $py_cflags $py_ldflags -lgcc_s -lutil -lrt -lpthread -lm -ldl
if readelf -d "$scratch/static" | grep -q libpyreload; then exit 1; fi
"$scratch/static" >"$scratch/static.out" || { cat "$scratch/static.out" >&2; exit 1; }

echo "-- CMake"
cmake -S examples_c -B "$scratch/cmake" -DCMAKE_PREFIX_PATH="$prefix" \
    -DPython3_EXECUTABLE="$(readlink -f "$("$python" -c 'import sys; print(sys.executable)')")" \
    >"$scratch/cmake.log" || { cat "$scratch/cmake.log" >&2; exit 1; }
cmake --build "$scratch/cmake" >>"$scratch/cmake.log" || { cat "$scratch/cmake.log" >&2; exit 1; }
ctest --test-dir "$scratch/cmake" --output-on-failure
# A wrong version is refused.
sed 's/find_package(pyreload 0.1/find_package(pyreload 7.0/' examples_c/CMakeLists.txt \
    >"$scratch/CMakeLists.txt"
if cmake -S "$scratch" -B "$scratch/wrong" -DCMAKE_PREFIX_PATH="$prefix" >/dev/null 2>&1; then
    echo "version 7.0 was found" >&2
    exit 1
fi
echo "packaging passed ($soname)"
