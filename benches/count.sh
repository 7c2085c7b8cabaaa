#!/bin/sh
# Counts the instructions of a trigger with callgrind: the same on every machine, however busy, so
# a regression is seen where times are noise.
#
#     benches/count.sh            prints instructions per call
#     benches/count.sh --check    fails when there are more than the limits below
set -eu
here=$(cd "$(dirname "$0")" && pwd)
out=$here/../target/bench
limit_off=120
limit_on=400
limit_edit=30000000

# Builds the host and the library.
python3 "$here/run.py" --no-peers --bars 0 > /dev/null
prefix=$(cat "$out/prefix")
count() {
    PYTHONHOME=$prefix PYTHONDONTWRITEBYTECODE=1 PYTHONHASHSEED=0 valgrind --tool=callgrind \
        --callgrind-out-file="$out/callgrind.$1" --collect-atstart=no \
        --toggle-collect=pyreload_trigger "$out/host" "$here/bars/count.py" "$1" "$2" \
        > "$out/callgrind.log" 2>&1 || { cat "$out/callgrind.log" >&2; exit 1; }
    sed -n 's/^summary: //p; s/^totals: //p' "$out/callgrind.$1" | tail -n 1
}
# The difference of two runs leaves out what the first triggers do.
run() { echo $((($(count "$1" $(($2 + $3))) - $(count "$1" "$2")) / $3)); }
off=$(run off 100 1000)
on=$(run on 100 1000)
edit=$(run edit 3 10)
echo "instructions of a trigger: $off switched off, $on with nothing changed,"
echo "$edit with one function of a module of 1,000 lines edited"
if [ "${1:-}" = --check ]; then
    [ "$off" -le $limit_off ] && [ "$on" -le $limit_on ] && [ "$edit" -le $limit_edit ] || {
        echo "more than $limit_off, $limit_on and $limit_edit" >&2
        exit 1
    }
fi
