# optimisers.sh -- learning rates and optimisers against transformers and PyTorch with other settings and numbers than the
# recorded ones.  Wants torch and transformers in $PYTHON (python3).
. "${RIL_ROOT:-$(cd "$(dirname "$0")/../.." && pwd)}/tests/ril_test.sh"
python=${PYTHON:-python3} golden=$RIL_ROOT/tests/golden
export HF_HUB_OFFLINE=1 OMP_NUM_THREADS=1
if ! "$python" -c 'import torch, transformers' 2>/dev/null; then
	skip "optimisers by PyTorch: $python has no torch or no transformers"
	test_end
	exit
fi
cd "$RIL_ROOT" || exit 1
for seed in 2 3; do
	"$python" "$golden/schedules.py" $seed >"$T/schedules-$seed"
	"$python" "$golden/optimisers.py" $seed >"$T/optimisers-$seed"
done
check "the recorded rates are what is written" cmp "$golden/schedules.jsonl" <("$python" "$golden/schedules.py" 0)
for mode in ${RIL_MODES:-release}; do
	if [ ! -x "build/$mode/tests/unit/optim_steps" ]; then skip "no $mode build"; continue; fi
	for seed in 2 3; do
		[ "$mode" = f64 ] || check "$mode: other schedules ($seed)" "build/$mode/tests/unit/schedule" "$T/schedules-$seed"
		check "$mode: other steps ($seed)" "build/$mode/tests/unit/optim_steps" "$T/optimisers-$seed"
	done
done >/dev/null
test_end
