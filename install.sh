#!/usr/bin/env bash
# Installs the library as a Linux package would:
#
#   bash install.sh [--prefix /usr/local] [--destdir DIR]
#
#   lib/libpyreload.so.0.1.0   with SONAME libpyreload.so.0.1, and the two links to it
#   lib/libpyreload.a          for programs that want no shared library
#   lib/pkgconfig/pyreload.pc  pkg-config --cflags --libs pyreload python-3.12-embed
#   lib/cmake/pyreload/        find_package(pyreload CONFIG)
#   include/pyreload.h, include/pyreload.hpp
#
# rustc gives a shared library no SONAME, and the build in target/release keeps it so: with one,
# programs linked with -Ltarget/release would ask for a file name that only an installation has.
set -euo pipefail
cd "$(dirname "$0")"

prefix=/usr/local
destdir=
while [ $# -gt 0 ]; do
    case $1 in
        --prefix) prefix=$2; shift 2 ;;
        --prefix=*) prefix=${1#*=}; shift ;;
        --destdir) destdir=$2; shift 2 ;;
        --destdir=*) destdir=${1#*=}; shift ;;
        *) sed -n '2,12s/^# \{0,1\}//p' "$0"; exit 2 ;;
    esac
done
case $prefix in /*) ;; *) prefix=$PWD/$prefix ;; esac

version=$(sed -n 's/^version = "\(.*\)"/\1/p' Cargo.toml | head -n 1)
case $version in
    0.*) soversion=${version%.*} ;;     # before 1.0 each minor version stands alone
    *) soversion=${version%%.*} ;;
esac

# A target folder of its own, so that target/release stays without a SONAME.
export PYO3_BUILD_EXTENSION_MODULE=1
PYRELOAD_SONAME=libpyreload.so.$soversion
cargo rustc --release --lib --target-dir target/install --crate-type cdylib,staticlib -- \
    -C link-arg=-Wl,-soname,"$PYRELOAD_SONAME"

root=$destdir$prefix
mkdir -p "$root"/lib/pkgconfig "$root"/lib/cmake/pyreload "$root"/include
install -m 755 target/install/release/libpyreload.so "$root/lib/libpyreload.so.$version"
ln -sf "libpyreload.so.$version" "$root/lib/libpyreload.so.$soversion"
ln -sf "libpyreload.so.$soversion" "$root/lib/libpyreload.so"
install -m 644 target/install/release/libpyreload.a "$root/lib/libpyreload.a"
install -m 644 include/pyreload.h include/pyreload.hpp "$root/include/"

fill() {
    sed -e "s|@PREFIX@|$prefix|g" -e "s|@VERSION@|$version|g" -e "s|@SOVERSION@|$soversion|g" "$1"
}
fill cmake/pyreload.pc.in >"$root/lib/pkgconfig/pyreload.pc"
for file in pyreloadConfig.cmake pyreloadConfigVersion.cmake; do
    fill "cmake/$file" >"$root/lib/cmake/pyreload/$file"
done
echo "installed pyreload $version below $root"
