# checked.long.sh -- the table of operations without its largest cases, and all of sampling, with every access to memory looked
# at.  run.sh has fewer cases; the largest take minutes each and gigabytes of notes.
. "${RIL_ROOT:-.}/tests/ril_test.sh"
B=$RIL_ROOT/build/release/tests/simt-checked
cd "$RIL_ROOT" || exit 1
looked_at() { "${@:2}" "$B/$1" >"$T/log" 2>&1 || { tail -n 20 "$T/log" >&2; return 1; }; }
if [ -x "$B/ops" ]; then
	check "operations, every access looked at" looked_at ops env RIL_TEST_SMALL=1
	check "sampling, every access looked at" looked_at sample
else skip "no emulated GPU in this build: it needs g++, and is in release"; fi
test_end
