# families.sh -- families and forms of models that no reference folder has, made by the reference implementation's own classes: it and
# we compute the same pixels, ids, positions, embeddings, logits, greedy answers, gradients.  Wants torch, torchvision, transformers, pillow in
# $PYTHON (python3).
. "${RIL_ROOT:-$(cd "$(dirname "$0")/../.." && pwd)}/tests/ril_test.sh"
. "$RIL_ROOT/tests/reference_python.sh"
python_with "families in the reference" torch torchvision transformers PIL safetensors
check "folders of all families" "$python" "$RIL_ROOT/tests/fidelity/families.py" "$T/folders" 2>"$T/err"
if ! "$python" -c 'import num2words' 2>/dev/null; then # the reference's processor does not load without
	rm -rf "$T"/folders/smolvlm*
	skip "SmolVLM in the reference under that name: $python has no num2words"
fi
tell() { [ "$failed" -eq 0 ] || { grep -A1 FAIL "$T/table" | head -n 20; tail -n 5 "$T/err"; } >&2; }
[ "$failed" -eq 0 ] || tail -n 5 "$T/err" >&2
check "the reference computes our numbers" bash -c "'$python' '$RIL_ROOT/scripts/check-reference' --gradients --keep '$T/data' '$T'/folders/* >'$T/table' 2>'$T/err'"
tell
compared=$(sed -n 's/^\([0-9]*\) passed.*/\1/p' "$T/table")
check "... in ${compared:-no} comparisons" test "${compared:-0}" -gt 1000
# The original layout of InternVL3.5, with what the native one's cases say.
check "the original layout" bash -c "'$python' '$RIL_ROOT/tests/fidelity/families.py' --original '$T'/data/*-internvl3_5-original 2>'$T/err'"
check "computes the same" bash -c "'$RIL_ROOT/build/release/tests/fidelity/fidelity' -q '$T/data' \"\$(basename '$T'/data/*-internvl3_5-original)\" >'$T/table'"
tell
# Adapters: PEFT's in ours, ours in PEFT.
if "$python" -c 'import peft' 2>/dev/null; then
	ril-scenes -q -o "$T" --prefix sft -n 8 --answers sentences --seed 1
	for f in internvl3_5 qwen2_vl qwen3_vl idefics3; do
		check "$f: adapters by PEFT" "$python" "$RIL_ROOT/tests/fidelity/families.py" --adapters "$T/folders/$f" "$T/$f-peft" 2>"$T/err"
		check "$f: adapters by ours" bash -c "ril-encode -q -m '$T/folders/$f' --with-answers --with-pixels --batch 4 --steps 2 '$T/sft.jsonl' |
			ril-update -q -m '$T/folders/$f' --objective sft --train llm,projector,vision --steps 2 --lora rank=4,alpha=6 --lr 1e-2 --save '$T/$f-lora' 2>'$T/err'"
	done
	check "idefics3: trained whole by ours" bash -c "ril-encode -q -m '$T/folders/idefics3' --with-answers --with-pixels --batch 4 --steps 2 '$T/sft.jsonl' |
		ril-update -q -m '$T/folders/idefics3' --objective sft --train llm,projector,vision --steps 2 --lr 1e-3 --save '$T/idefics3-trained' 2>'$T/err'"
	check "compute the same both ways" bash -c "'$python' '$RIL_ROOT/scripts/check-reference' '$T'/*-peft '$T'/*-lora '$T'/*-trained >'$T/table' 2>'$T/err'"
	tell
	compared=$(sed -n 's/^\([0-9]*\) passed.*/\1/p' "$T/table")
	check "... in ${compared:-no} comparisons" test "${compared:-0}" -gt 500
else
	skip "adapters of families in the reference: $python has no peft"
fi
# In double precision nothing is left of rounding but the reference's own.
if [ -x "$RIL_ROOT/build/f64/tests/fidelity/fidelity" ]; then
	check "and in double precision" bash -c "'$RIL_ROOT/build/f64/tests/fidelity/fidelity' -q '$T/data' >'$T/table'"
	tell
else
	skip "families in double precision: not built"
fi
test_end
