# families.sh -- families and forms of models that no reference folder has, made by the reference implementation's own classes: it and
# we compute the same pixels, ids, positions, embeddings, logits, greedy answers, gradients.  Wants torch, torchvision, transformers, pillow in
# $PYTHON (python3).
. "${RIL_ROOT:-$(cd "$(dirname "$0")/../.." && pwd)}/tests/ril_test.sh"
python=${PYTHON:-python3}
export HF_HUB_OFFLINE=1 OMP_NUM_THREADS=1
if ! "$python" -c 'import torch, torchvision, transformers, PIL, safetensors' 2>/dev/null; then
	skip "families in the reference: $python has no torch, torchvision, transformers, pillow"
	test_end
	exit
fi
check "folders of all families" "$python" "$RIL_ROOT/tests/fidelity/families.py" "$T/folders" 2>"$T/err"
tell() { [ "$failed" -eq 0 ] || { grep -A1 FAIL "$T/table" | head -n 20; tail -n 5 "$T/err"; } >&2; }
[ "$failed" -eq 0 ] || tail -n 5 "$T/err" >&2
check "the reference computes our numbers" bash -c "'$python' '$RIL_ROOT/scripts/check-reference' --gradients --keep '$T/data' '$T'/folders/* >'$T/table' 2>'$T/err'"
tell
compared=$(sed -n 's/^\([0-9]*\) passed.*/\1/p' "$T/table")
check "... in ${compared:-no} comparisons" test "${compared:-0}" -gt 600
# The original layout of InternVL3.5, with what the native one's cases say.
check "the original layout" bash -c "'$python' '$RIL_ROOT/tests/fidelity/families.py' --original '$T'/data/*-internvl3_5-original 2>'$T/err'"
check "computes the same" bash -c "'$RIL_ROOT/build/release/tests/fidelity/fidelity' -q '$T/data' \"\$(basename '$T'/data/*-internvl3_5-original)\" >'$T/table'"
tell
# In double precision nothing is left of rounding but the reference's own.
if [ -x "$RIL_ROOT/build/f64/tests/fidelity/fidelity" ]; then
	check "and in double precision" bash -c "'$RIL_ROOT/build/f64/tests/fidelity/fidelity' -q '$T/data' >'$T/table'"
	tell
else
	skip "families in double precision: not built"
fi
test_end
