#!/bin/sh
# Counts the instructions of a trigger, and of the pure stages of an edit, with callgrind: the same
# on every machine, however busy, so a regression is seen where times are noise.
#
#     benches/count.sh            prints instructions per call
#     benches/count.sh --check    fails when there are more than the limits below
set -eu
here=$(cd "$(dirname "$0")" && pwd)
out=$here/../target/bench
# The limits stand some 5 % above what is counted: another machine's C library counts up to 2 % more.
limit_off=120
limit_on=400
limit_edit=560000
# The same module: a constant, an argument of a call at its top level, lines inserted.
limit_constant=288000
limit_call=556000
limit_lines=1050000
# A leaf of which 200 modules take a constant, all its importers included; 100 files of 100 lines,
# one function edited in each.
limit_fanout=1780000
limit_bulk=55000000
# Reading an edited module of 1,000 lines on from its outline, comparing, and all up to the plan.
limit_reread=124000
limit_compare=4000
limit_plan=23500

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
constant=$(run constant 3 10)
call=$(run call 3 10)
lines=$(run lines 3 7)
fanout=$(run fanout 2 5)
bulk=$(run bulk 2 3)
# The stages without Python, by a program of their own.
stages=$(cd "$here/.." && cargo build --release --bench stages --message-format=json \
    2> "$out/cargo.log" | sed -n 's/.*"name":"stages".*"executable":"\([^"]*\)".*/\1/p' | tail -n 1)
[ -n "$stages" ] || { cat "$out/cargo.log" >&2; exit 1; }
count_stage() {
    PYRELOAD_STAGE=$1 PYRELOAD_COUNT=$2 valgrind --tool=callgrind \
        --callgrind-out-file="$out/callgrind.$1" "$stages" > "$out/callgrind.log" 2>&1 ||
        { cat "$out/callgrind.log" >&2; exit 1; }
    sed -n 's/^summary: //p; s/^totals: //p' "$out/callgrind.$1" | tail -n 1
}
stage() { echo $((($(count_stage "$1" 12) - $(count_stage "$1" 2)) / 10)); }
reread=$(stage reread)
compare=$(stage compare)
plan=$(stage plan)

failed=
within() {
    echo "$2 (limit $3): $1"
    [ "$2" -le "$3" ] || failed="$failed
more than the limit of $3: $2, $1"
}
echo "instructions"
within "a trigger whose kind is switched off" "$off" "$limit_off"
within "a trigger with nothing changed" "$on" "$limit_on"
within "a trigger after one function of a module of 1,000 lines was edited" "$edit" "$limit_edit"
within "a trigger after a constant of it was edited" "$constant" "$limit_constant"
within "a trigger after a call at its top level was edited" "$call" "$limit_call"
within "a trigger after lines were inserted in it" "$lines" "$limit_lines"
within "a trigger after a leaf with 200 importers was edited" "$fanout" "$limit_fanout"
within "a trigger after 100 files were edited" "$bulk" "$limit_bulk"
within "the outline of that text, read on from the one before" "$reread" "$limit_reread"
within "the comparison of the two" "$compare" "$limit_compare"
within "comparison and plan" "$plan" "$limit_plan"
if [ "${1:-}" = --check ] && [ -n "$failed" ]; then
    echo "$failed" >&2
    exit 1
fi
