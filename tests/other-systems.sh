#!/bin/sh
# Checks that the library compiles for Windows and macOS, from any system with rustup.
#
#   sh tests/other-systems.sh
#
# `cargo check` links nothing, but one dependency has an assembler file, and Windows wants a
# dlltool: empty files stand in for what they make, so that no cross compiler is needed.
#
# Where rustup cannot fetch a target, RUST_LIBRARY names the `library` folder of Rust's own source
# (Debian: rust-src) of about the version of the nightly toolchain, which then builds std too.
set -eu
cd "$(dirname "$0")/.."
tools=$(mktemp -d)
trap 'rm -rf "$tools"' EXIT
mkdir "$tools/path"
printf '#!/bin/sh\nwhile [ $# -gt 0 ]; do [ "$1" = -o ] && : > "$2"; shift; done\n' > "$tools/cc"
printf '#!/bin/sh\nfor a in "$@"; do case "$a" in *.a|*.lib) : > "$a" ;; esac; done\n' > "$tools/ar"
printf '#!/bin/sh\nwhile [ $# -gt 0 ]; do [ "$1" = -l ] && echo "!<arch>" > "$2"; shift; done\n' \
    > "$tools/path/x86_64-w64-mingw32-dlltool"
chmod +x "$tools/cc" "$tools/ar" "$tools/path/"*
for target in x86_64-pc-windows-gnu x86_64-apple-darwin; do
    toolchain='' std=''
    if [ -n "${RUST_LIBRARY:-}" ]; then
        toolchain=+nightly std=-Zbuild-std=std,panic_unwind
        export __CARGO_TESTS_ONLY_SRC_ROOT="$RUST_LIBRARY"
    else
        rustup target add "$target"
    fi
    name=$(printf %s "$target" | tr - _)
    # shellcheck disable=SC2086  # an empty word must not become an argument
    env "CC_$name=$tools/cc" "AR_$name=$tools/ar" PYO3_CROSS_PYTHON_VERSION=3.11 \
        PATH="$tools/path:$PATH" CARGO_TARGET_DIR="${CARGO_TARGET_DIR:-target}/other-systems" \
        cargo $toolchain check $std --lib --target "$target"
done
