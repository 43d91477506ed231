# penalty.sh -- ril-discriminate --r1 against transformers: what noise does to the logits of teacher responses, the noise drawn again in
# Python, and the norm of the gradient of the loss that it is a term of.  Wants torch and transformers in $PYTHON (python3).
. "${RIL_ROOT:-$(cd "$(dirname "$0")/../.." && pwd)}/tests/ril_test.sh"
. "$RIL_ROOT/tests/reference_python.sh"
M=$RIL_SHARED/data/models/qwen2_5-text
python_with "R1 by transformers" torch transformers
[ -d "$M" ] || skip_all "R1 by transformers: the models are not here"
cd "$T" || exit 1
for i in 1 2 3 4; do echo "{\"id\":\"q$i\",\"question\":\"What is $i plus $i?\",\"answer\":\"It is $((i + i)).\"}"; done >q.jsonl
for i in 1 2 3 4; do for t in a b; do echo "{\"id\":\"q$i\",\"teacher\":\"$t\",\"response\":\"$t says $((i + i)), of course.\"}"; done; done >cache.jsonl
ril-encode -q -m "$M" --batch 4 --steps 1 q.jsonl | ril-rollout -q -m "$M" -n 3 --max-new-tokens 30 |
	ril-teach -q --tokenizer "$M" --cache cache.jsonl -n 2 -o t.ril
# the groups as the reference reads them
lists() { ril-inspect --field "$1" t.ril | cut -f 2 | jq -R -c 'split(" ") | map(tonumber)'; }
paste <(ril-inspect --field resp.source t.ril | cut -f 1 | jq -R .) <(lists prompt.ids) <(lists resp.ids) <(lists resp.start) <(lists resp.source) |
	jq -c -n '[inputs] | . as $x | range(0; length; 5) | $x[. + 2] as $ids | $x[. + 3] as $start |
		{key: $x[.], prompt: $x[. + 1], responses: [range($start | length - 1) | $ids[$start[.]:$start[. + 1]]], source: $x[. + 4]}' >groups
check "student and teacher responses" test "$(jq -c -s 'map(.source | map(if . > 0 then 1 else . end) | group_by(.) | map(length))[]' groups | sort -u)" = '[3,2]'
near() { awk -v a="$1" -v b="$2" 'BEGIN { d = a / b - 1; exit !(d < 1e-4 && d > -1e-4) }'; }
for loss in bce bradley-terry; do
	for weight in 20 0.5; do
		name=$loss-$weight
		check "$name" ril-discriminate -q --init-from "$M" --update --lr 0 --disc-loss $loss --r1 $weight --r1-sigma 0.4 --seed 9 --metrics "$name.jsonl" --save "$name" -i t.ril -o "$name.ril"
		read -r r1 norm < <("$python" "$RIL_ROOT/tests/golden/penalty.py" "$name" $weight 0.4 9 1 $loss <groups 2>err)
		check "$name: logits differ by $r1, squared" near "$(jq .r1 "$name.jsonl")" "$r1"
		check "$name: the gradient's norm is $norm" near "$(jq .grad_norm "$name.jsonl")" "$norm"
	done
done
test_end
