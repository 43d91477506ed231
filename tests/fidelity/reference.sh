# reference.sh -- checkpoints that our tools have trained, of both families, in the reference implementation: it loads
# them and computes our numbers (scripts/check-reference).  Wants torch, torchvision, transformers and pillow in $PYTHON (python3).
. "${RIL_ROOT:-$(cd "$(dirname "$0")/../.." && pwd)}/tests/ril_test.sh"
python=${PYTHON:-python3}
export HF_HUB_OFFLINE=1 OMP_NUM_THREADS=1
if ! "$python" -c 'import torch, torchvision, transformers, PIL, safetensors' 2>/dev/null; then
	skip "a trained checkpoint in the reference: $python has no torch, torchvision, transformers, pillow"
	test_end
	exit
fi
# A few steps of everything: language model, projector, vision tower.
train() { # train NAME MODEL
	ril-encode -q -m "$2" --with-answers --with-pixels --batch 4 --steps 3 "$T/sft.jsonl" |
		ril-update -q -m "$2" --objective sft --train llm,projector,vision --lr 1e-3 --steps 3 --save "$T/$1"
}
ril-scenes -q -o "$T" --prefix sft -n 12 --answers sentences --seed 1
check "a few steps of a Qwen2.5-VL student" train qwen "$RIL_ROOT/share/models/student"
check "a few steps of an InternVL model" train internvl "$RIL_ROOT/share/models/teacher-b"
check "both are no longer what they were" bash -c "! cmp -s '$T/qwen/model.safetensors' '$RIL_ROOT/share/models/student/model.safetensors' &&
	! cmp -s '$T/internvl/model.safetensors' '$RIL_ROOT/share/models/teacher-b/model.safetensors'"
check "the reference computes our numbers" bash -c "'$python' '$RIL_ROOT/scripts/check-reference' '$T/qwen' '$T/internvl' >'$T/table' 2>'$T/err'"
[ "$failed" -eq 0 ] || { grep FAIL "$T/table"; tail -n 5 "$T/err"; } >&2
compared=$(sed -n 's/^\([0-9]*\) passed.*/\1/p' "$T/table")
check "... in ${compared:-no} comparisons" test "${compared:-0}" -gt 100
test_end
