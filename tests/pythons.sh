#!/usr/bin/env bash
# Prints the Pythons of this machine that a C host can embed: 3.9 or newer, with headers and a
# shared library, one executable a line, newest first, each version once.
#
#   bash tests/pythons.sh [--one]
#
# PYRELOAD_PYTHONS="python3.12 /opt/x/bin/python3" replaces the search.
set -euo pipefail
flags=$(cd "$(dirname "$0")/.." && pwd)/examples_c/pyflags.py

candidates() {
    if [ -n "${PYRELOAD_PYTHONS:-}" ]; then
        tr ' ' '\n' <<<"$PYRELOAD_PYTHONS"
        return
    fi
    local root=${PYENV_ROOT:-$HOME/.pyenv} minor
    ls -d "$root"/versions/3.*/bin/python3 2>/dev/null || true
    for minor in 9 10 11 12 13 14 15; do
        command -v "python3.$minor" || true
    done
    command -v python3 || true
    # Debian's own, which pyenv's shims may hide.
    ls /usr/bin/python3.[0-9]* 2>/dev/null | grep -E 'python3\.[0-9]+$' || true
}

found=$(candidates | while read -r python; do
    version=$("$python" -c 'import sys; v = sys.version_info
if v < (3, 9): raise SystemExit(1)
print("%d.%d.%d" % v[:3])' 2>/dev/null) || continue
    "$python" "$flags" --shared >/dev/null 2>&1 || continue
    "$python" "$flags" --cflags >/dev/null 2>&1 || continue
    printf '%s %s\n' "$version" "$python"
done | sort -t. -k1,1nr -k2,2nr -k3,3nr -s | awk '!seen[$1]++ { print $2 }')

if [ -z "$found" ]; then
    echo "no Python with headers and a shared library (Debian: python3-dev libpython3-dev)" >&2
    exit 1
fi
if [ "${1:-}" = --one ]; then
    head -n 1 <<<"$found"
else
    echo "$found"
fi
