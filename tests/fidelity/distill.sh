# distill.sh -- ril-update --distill against transformers: the divergence of whole models on sampled responses, and the norm of its
# gradient.  Wants torch and transformers in $PYTHON (python3).
. "${RIL_ROOT:-$(cd "$(dirname "$0")/../.." && pwd)}/tests/ril_test.sh"
. "$RIL_ROOT/tests/reference_python.sh"
M=$RIL_SHARED/data/models/qwen2_5-text
python_with "distillation by transformers" torch transformers
[ -d "$M" ] || skip_all "distillation by transformers: the models are not here"
cd "$T" || exit 1
for i in 1 2 3 4; do echo "{\"id\":\"q$i\",\"question\":\"What is $i plus $i?\",\"answer\":\"It is $((i + i)).\"}"; done >q.jsonl
check "a teacher was made" sh -c "ril-encode -q -m $M --with-answers --batch 4 --steps 3 --epochs 0 q.jsonl | ril-update -q -m $M --objective sft --lr 3e-3 --save teacher"
ril-encode -q -m "$M" --batch 4 --steps 1 q.jsonl | ril-rollout -q -m "$M" -n 3 --max-new-tokens 9 --temperature 0.8 |
	ril-score -q --judge contains --reward '0*answer' -o s.ril
# the groups as the reference reads them
lists() { ril-inspect --field "$1" s.ril | cut -f 2 | jq -R -c 'split(" ") | map(tonumber)'; }
paste <(lists prompt.ids) <(lists resp.ids) <(lists resp.start) |
	jq -c -n '[inputs] | . as $x | range(0; length; 3) | $x[. + 1] as $ids | $x[. + 2] as $start |
		{prompt: $x[.], responses: [range($start | length - 1) | $ids[$start[.]:$start[. + 1]]]}' >groups
near() { awk -v a="$1" -v b="$2" 'BEGIN { d = a / b - 1; exit !(d < 1e-5 && d > -1e-5) }'; }
for how in forward reverse; do
	check "$how" ril-update -q -m "$M" --objective dr-grpo --reward-field reward --distill teacher --distill-kl $how --lr 0 --metrics $how.jsonl --save $how -i s.ril
	read -r kl norm < <("$python" "$RIL_ROOT/tests/golden/distillation.py" "$M" teacher $how 0.8 <groups 2>err)
	check "$how: the divergence is $kl" near "$(jq .distill_kl $how.jsonl)" "$kl"
	check "$how: its gradient's norm is $norm" near "$(jq .grad_norm $how.jsonl)" "$norm"
done
test_end
