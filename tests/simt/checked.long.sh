# checked.long.sh -- the whole table of operations with every access to memory looked at: all layouts of attention and head
# sizes, 1 000 segments, rows by the thousand.  run.sh has a smaller one.
. "${RIL_ROOT:-.}/tests/ril_test.sh"
B=$RIL_ROOT/build/release/tests/simt-checked
cd "$RIL_ROOT" || exit 1
looked_at() { "$B/$1" >"$T/log" 2>&1 || { tail -n 20 "$T/log" >&2; return 1; }; }
if [ -x "$B/ops" ]; then
	for t in ops sample; do check "$t, every access looked at" looked_at $t; done
else skip "no emulated GPU in this build: it needs g++, and is in release"; fi
test_end
