# reference.sh -- checkpoints that our tools have trained, of both families, in the reference implementation: it loads
# them and computes our numbers (scripts/check-reference).  Wants torch, torchvision, transformers, pillow in $PYTHON (python3), and for
# adapters peft.
. "${RIL_ROOT:-$(cd "$(dirname "$0")/../.." && pwd)}/tests/ril_test.sh"
. "$RIL_ROOT/tests/reference_python.sh"
python_with "a trained checkpoint in the reference" torch torchvision transformers PIL safetensors
# A few steps of everything: language model, projector, vision tower.
train() { # train NAME MODEL OPTION...
	ril-encode -q -m "$2" --with-answers --with-pixels --batch 4 --steps 3 "$T/sft.jsonl" |
		ril-update -q -m "$2" --objective sft --train llm,projector,vision --steps 3 --save "$T/$1" "${@:3}"
}
ril-scenes -q -o "$T" --prefix sft -n 12 --answers sentences --seed 1
check "a few steps of a Qwen2.5-VL student" train qwen "$RIL_ROOT/share/models/student" --lr 1e-3
check "a few steps of an InternVL model" train internvl "$RIL_ROOT/share/models/teacher-b" --lr 1e-3
check "both are no longer what they were" bash -c "! cmp -s '$T/qwen/model.safetensors' '$RIL_ROOT/share/models/student/model.safetensors' &&
	! cmp -s '$T/internvl/model.safetensors' '$RIL_ROOT/share/models/teacher-b/model.safetensors'"
check "the reference computes our numbers" bash -c "'$python' '$RIL_ROOT/scripts/check-reference' '$T/qwen' '$T/internvl' >'$T/table' 2>'$T/err'"
[ "$failed" -eq 0 ] || { grep FAIL "$T/table"; tail -n 5 "$T/err"; } >&2
compared=$(sed -n 's/^\([0-9]*\) passed.*/\1/p' "$T/table")
check "... in ${compared:-no} comparisons" test "${compared:-0}" -gt 100

# Adapters: ours in PEFT, PEFT's in ours, and the two merged.
if ! "$python" -c 'import peft' 2>/dev/null; then
	skip_all "adapters in the reference: $python has no peft"
fi
lora=(--lora rank=4,alpha=6 --lr 1e-2)
check "adapters of a Qwen2.5-VL student" train qwen-lora "$RIL_ROOT/share/models/student" "${lora[@]}"
check "adapters of an InternVL model" train internvl-lora "$RIL_ROOT/share/models/teacher-b" "${lora[@]}"
cat >"$T/adapters.py" <<'E'
# adapters.py BASE DIR: adapters as PEFT makes them, of every linear layer but the head, rank-stabilised, B drawn too.
# adapters.py BASE ADAPTERS MERGED: is MERGED what PEFT makes of the two?
import sys, torch
from peft import LoraConfig, PeftModel, get_peft_model
from transformers import AutoModelForImageTextToText
torch.manual_seed(0)
load = lambda folder: AutoModelForImageTextToText.from_pretrained(folder, dtype="auto")
model = load(sys.argv[1])
if len(sys.argv) == 3:
    names = [n for n, m in model.named_modules() if isinstance(m, torch.nn.Linear) and "lm_head" not in n]
    get_peft_model(model, LoraConfig(r=3, lora_alpha=7, use_rslora=True, init_lora_weights=False, target_modules=names)).save_pretrained(sys.argv[2])
else:
    merged = PeftModel.from_pretrained(model, sys.argv[2]).merge_and_unload().state_dict()
    base, ours = load(sys.argv[1]).state_dict(), load(sys.argv[3]).state_dict()
    apart = max(float((ours[n] - w).abs().max()) for n, w in merged.items())
    moved = sum(not torch.equal(base[n], w) for n, w in ours.items())
    print(f"{moved} tensors moved; at most {apart:.1e} apart")
    sys.exit(apart > 1e-6 or moved < 10)
E
check "PEFT makes adapters" "$python" "$T/adapters.py" "$RIL_ROOT/share/models/student" "$T/qwen-peft"
check "and for InternVL" "$python" "$T/adapters.py" "$RIL_ROOT/share/models/teacher-b" "$T/internvl-peft"
check "adapters in PEFT are adapters in ours, both ways" bash -c "'$python' '$RIL_ROOT/scripts/check-reference' '$T'/{qwen,internvl}-{lora,peft} >'$T/table' 2>'$T/err'"
[ "$failed" -eq 0 ] || { grep FAIL "$T/table"; tail -n 5 "$T/err"; } >&2
compared=$(sed -n 's/^\([0-9]*\) passed.*/\1/p' "$T/table")
check "... in ${compared:-no} comparisons" test "${compared:-0}" -gt 200
for m in qwen internvl; do
	base=$RIL_ROOT/share/models/student
	[ $m = qwen ] || base=$RIL_ROOT/share/models/teacher-b
	check "$m merged" ril-merge -q -m "$T/$m-peft" -o "$T/$m-merged"
	check "as PEFT merges" bash -c "'$python' '$T/adapters.py' '$base' '$T/$m-peft' '$T/$m-merged' 2>/dev/null"
done
test_end
