# run.sh -- the CUDA backend's own sources on an emulated GPU (tests/simt): every operation against its naive form, threads taken
# in other orders, decoding steps that are done again, both models against the reference's outputs and, in float and in BF16,
# against the double build with the same roundings, and a smaller table with every access to memory looked at.  From the
# sanitizers' build: that table under them.
. "${RIL_ROOT:-.}/tests/ril_test.sh"
mode=${RIL_MODES%% *} B=$RIL_ROOT/build/${mode:-release}/tests
if [ ! -x "$B/simt/ops" ]; then
	skip_all "no emulated GPU in this build: it needs g++, and is in release and asan"
fi
cd "$RIL_ROOT" || exit 1
# The host cannot touch device memory between launches: by the processor's protection keys, else by a system call for every page.
# There the tables of operations leave it open; whole models, decoding and the optimiser close it now and then, in check-long always.
open=env
grep -qw ospke /proc/cpuinfo 2>/dev/null || open="env RIL_SIMT_OPEN=1"
few="$open RIL_TEST_SMALL=2"
if [ "$mode" = asan ]; then
	for t in ops sample decode optim; do start $t $few "$B/simt/$t"; done
	start sanitized "$B/simt/sanitized"
	wait
	check "the sanitizers find faults of each kind in kernels" ended sanitized
	for t in ops sample decode optim; do
		check "$t on the emulated device, under the sanitizers" ended $t
	done
	test_end
	exit
fi
start ops $open "$B/simt/ops"
start sample $open RIL_TEST_SMALL=1 "$B/simt/sample"
for t in ops sample decode optim; do start checked-$t $few "$B/simt-checked/$t"; done
start fidelity "$B/simt/fidelity" -q tests/golden/models
start faults env RIL_SIMT_GATE=1 "$B/simt/faults"
for t in decode optim again; do start $t "$B/simt/$t"; done
start unfused $open RIL_SIMT_CAPABILITY=89 "$B/simt/ops" linear_act
start refused $open RIL_SIMT_GELU=0 "$B/simt/ops" linear_act
start parts $open RIL_SIMT_MEMORY=64 "$B/simt/ops" head
for order in reverse random:7; do
	start $order $open RIL_SIMT_ORDER=$order RIL_TEST_SMALL=1 "$B/simt/ops"
done
# A test of whole models on the device beside the double build of the CPU: its opening note says how far they may be apart.
beside() {
	"$B/simt/$1" dump "$T/$1.device" && "$F64/$1" dump "$T/$1.double" && "$B/simt/$1" compare "$T/$1.device" "$T/$1.double"
}
F64=$RIL_ROOT/build/f64/tests/unit
if [ -x "$F64/nn_step" ]; then
	for t in nn_narrow nn_step; do start $t beside $t; done
fi
start same "$B/simt/nn_narrow" same
wait
check "faults of each kind are found" ended faults
for t in ops sample decode optim; do
	check "$t on the emulated device" ended $t
	check "$t, every access looked at" ended checked-$t
done
for order in reverse random:7; do
	check "operations, threads in the order $order" ended $order
done
said() { ended "$1" && grep -qx "linear_act: fused in $2 cases" "$T/$1.log"; }
check "GELU by tanh is fused in BF16 where it may be" said ops 4
check "and not on an older GPU" said unfused 0
check "nor where the library cannot" said refused 0
check "the head in many parts, on a small device" ended parts
check "steps that are done again" ended again
check "recomputation where GELU is fused" ended same
check "both models on the emulated device" ended fidelity
if [ -x "$F64/nn_step" ]; then
	check "logits, log-probabilities and all gradients, in float and BF16" ended nn_narrow
	check "a RIL step and sampling, in float and BF16" ended nn_step
else skip "no double build"; fi
test_end
