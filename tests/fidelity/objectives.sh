# objectives.sh -- objectives against PyTorch on other batches than the recorded ones, and PyTorch's against TRL's own trainers
# (tests/golden/objectives.py).  Wants torch, and for the second trl, in $PYTHON (python3).
. "${RIL_ROOT:-$(cd "$(dirname "$0")/../.." && pwd)}/tests/ril_test.sh"
. "$RIL_ROOT/tests/reference_python.sh"
script=$RIL_ROOT/tests/golden/objectives.py
python_with "objectives by PyTorch" torch
for mode in ${RIL_MODES:-release}; do
	program=$RIL_ROOT/build/$mode/tests/unit/algo_objectives
	if [ ! -x "$program" ]; then skip "no $mode build"; continue; fi
	for seed in 1 2 3 4; do
		"$python" "$script" $seed >"$T/batches"
		check "$mode: other batches ($seed)" "$program" "$T/batches"
	done
done >/dev/null
if "$python" -c 'import trl.trainer.grpo_trainer, trl.trainer.rloo_trainer' 2>/dev/null; then
	check "TRL computes the same" "$python" "$script" --trl
else
	skip "objectives by TRL: $python has no trl"
fi
test_end
