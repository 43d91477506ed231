# checked.long.sh -- every access to memory looked at, as run.sh does it, with threads taken in other orders; and 1 000 segments of
# attention, there and under the sanitizers, each of which takes minutes; and
# device memory closed to the host at every wait.  The operations' other large cases take gigabytes of notes.
. "${RIL_ROOT:-.}/tests/ril_test.sh"
mode=${RIL_MODES%% *} B=$RIL_ROOT/build/${mode:-release}/tests
cd "$RIL_ROOT" || exit 1
passes() { "$@" >"$T/log" 2>&1 || { tail -n 20 "$T/log" >&2; return 1; }; }
if [ "$mode" = asan ] && [ -x "$B/simt/ops" ]; then
	check "1 000 segments, under the sanitizers" passes "$B/simt/ops" segments
elif [ -x "$B/simt-checked/ops" ]; then
	for order in reverse random:7; do
		check "operations, every access looked at, threads in the order $order" passes env RIL_TEST_SMALL=2 RIL_SIMT_ORDER=$order "$B/simt-checked/ops"
	done
	check "1 000 segments, every access looked at" passes "$B/simt-checked/ops" segments
	# the host's own accesses between any two waits
	for t in decode optim again; do check "$t, memory always closed" passes env RIL_SIMT_GATE=1 "$B/simt/$t"; done
	for t in nn_narrow nn_step; do check "$t, memory always closed" passes env RIL_SIMT_GATE=1 "$B/simt/$t" dump "$T/dump"; done
	check "both models, memory always closed" passes env RIL_SIMT_GATE=1 "$B/simt/fidelity" -q tests/golden/models
else skip "no emulated GPU in this build: it needs g++, and is in release and asan"; fi
test_end
