# run.sh -- the CUDA backend's own sources on an emulated GPU (tests/simt): every operation against its naive form, threads taken
# in other orders, both models against the reference's outputs, and a smaller table with every access to memory looked at.
. "${RIL_ROOT:-.}/tests/ril_test.sh"
mode=${RIL_MODES%% *} B=$RIL_ROOT/build/${mode:-release}/tests
if [ ! -x "$B/simt/ops" ]; then
	skip "no emulated GPU in this build: it needs g++, and is in release alone"
	test_end
	exit
fi
cd "$RIL_ROOT" || exit 1
# start NAME COMMAND...: side by side, as many as there are processors
start() { local name=$1; shift; ("$@" >"$T/$name.log" 2>&1; echo $? >"$T/$name.rc") & }
ended() { [ "$(cat "$T/$1.rc")" = 0 ] || { tail -n 20 "$T/$1.log" >&2; return 1; }; }
start ops "$B/simt/ops"
start sample env RIL_TEST_SMALL=1 "$B/simt/sample"
wait -n
start checked env RIL_TEST_SMALL=1 "$B/simt-checked/ops"
wait -n
start fidelity "$B/simt/fidelity" -q tests/golden/models
for t in faults decode optim; do
	start $t "$B/simt/$t"
done
start parts env RIL_SIMT_MEMORY=64 "$B/simt/ops" head
for order in reverse random:7; do
	start $order env RIL_SIMT_ORDER=$order RIL_TEST_SMALL=1 "$B/simt/ops"
done
wait
check "faults of each kind are found" ended faults
for t in ops sample decode optim; do
	check "$t on the emulated device" ended $t
done
for order in reverse random:7; do
	check "operations, threads in the order $order" ended $order
done
check "operations, every access looked at" ended checked
check "the head in many parts, on a small device" ended parts
check "both models on the emulated device" ended fidelity
test_end
