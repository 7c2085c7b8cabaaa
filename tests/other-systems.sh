#!/bin/sh
# Checks that the library compiles for Windows and macOS, from any system with rustup.
#
# `cargo check` links nothing, but one dependency has an assembler file; an empty object stands
# in for it, so that no cross compiler is needed.
set -eu
cd "$(dirname "$0")/.."
tools=$(mktemp -d)
trap 'rm -rf "$tools"' EXIT
printf '#!/bin/sh\nwhile [ $# -gt 0 ]; do [ "$1" = -o ] && : > "$2"; shift; done\n' > "$tools/cc"
printf '#!/bin/sh\nfor a in "$@"; do case "$a" in *.a|*.lib) : > "$a" ;; esac; done\n' > "$tools/ar"
chmod +x "$tools/cc" "$tools/ar"
for target in x86_64-pc-windows-gnu x86_64-apple-darwin; do
    rustup target add "$target"
    name=$(printf %s "$target" | tr - _)
    env "CC_$name=$tools/cc" "AR_$name=$tools/ar" PYO3_CROSS_PYTHON_VERSION=3.11 \
        cargo check --lib --target "$target"
done
