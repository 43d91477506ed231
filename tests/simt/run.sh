# run.sh -- the CUDA backend's own sources on an emulated GPU (tests/simt): every operation against its naive form, threads taken
# in other orders, and a smaller table with every access to memory looked at.
. "${RIL_ROOT:-.}/tests/ril_test.sh"
mode=${RIL_MODES%% *} B=$RIL_ROOT/build/${mode:-release}/tests
if [ ! -x "$B/simt/ops" ]; then
	skip "no emulated GPU in this build: it needs g++, and is in release alone"
	test_end
	exit
fi
cd "$RIL_ROOT" || exit 1
check "faults of each kind are found" "$B/simt/faults"
for t in ops sample decode optim; do
	check "$t on the emulated device" "$B/simt/$t"
done
for order in reverse random:7; do
	check "operations, threads in the order $order" env RIL_SIMT_ORDER=$order RIL_TEST_SMALL=1 "$B/simt/ops"
done
check "operations, every access looked at" env RIL_TEST_SMALL=1 "$B/simt-checked/ops"
test_end
