# checked.long.sh -- every access to memory looked at, as run.sh does it, with threads taken in other orders.
# The operations' largest cases are left out: they take minutes each and gigabytes of notes.
. "${RIL_ROOT:-.}/tests/ril_test.sh"
B=$RIL_ROOT/build/release/tests/simt-checked
cd "$RIL_ROOT" || exit 1
looked_at() { "${@:2}" "$B/$1" >"$T/log" 2>&1 || { tail -n 20 "$T/log" >&2; return 1; }; }
if [ -x "$B/ops" ]; then
	for order in reverse random:7; do
		check "operations, every access looked at, threads in the order $order" looked_at ops env RIL_TEST_SMALL=2 RIL_SIMT_ORDER=$order
	done
else skip "no emulated GPU in this build: it needs g++, and is in release"; fi
test_end
