# optimisers.sh -- learning rates, optimisers, the discriminator's losses and divergences against transformers and PyTorch with other settings and numbers than the
# recorded ones.  Wants torch and transformers in $PYTHON (python3).
. "${RIL_ROOT:-$(cd "$(dirname "$0")/../.." && pwd)}/tests/ril_test.sh"
. "$RIL_ROOT/tests/reference_python.sh"
golden=$RIL_ROOT/tests/golden
python_with "optimisers by PyTorch" torch transformers
cd "$RIL_ROOT" || exit 1
for seed in 2 3; do
	"$python" "$golden/schedules.py" $seed >"$T/schedules-$seed"
	"$python" "$golden/optimisers.py" $seed >"$T/optimisers-$seed"
	"$python" "$golden/discriminators.py" $seed >"$T/discriminators-$seed"
	"$python" "$golden/divergences.py" $seed >"$T/divergences-$seed"
done
check "the recorded rates are what is written" cmp "$golden/schedules.jsonl" <("$python" "$golden/schedules.py" 0)
for mode in ${RIL_MODES:-release}; do
	if [ ! -x "build/$mode/tests/unit/optim_steps" ]; then skip "no $mode build"; continue; fi
	for seed in 2 3; do
		[ "$mode" = f64 ] || check "$mode: other schedules ($seed)" "build/$mode/tests/unit/schedule" "$T/schedules-$seed"
		check "$mode: other steps ($seed)" "build/$mode/tests/unit/optim_steps" "$T/optimisers-$seed"
		check "$mode: other losses ($seed)" "build/$mode/tests/unit/disc_losses" "$T/discriminators-$seed"
		check "$mode: other divergences ($seed)" "build/$mode/tests/unit/distill" "$T/divergences-$seed"
	done
done >/dev/null
test_end
