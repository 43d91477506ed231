# families.sh -- every family of tests/golden/configs through the tools, from a fresh folder: questions with a picture, with several and
# without; sampled, taught by itself, judged by a discriminator of its own, trained with the towers, in float and BF16, as adapters, with everything computed
# again, on one thread; as planned; on a hostile device and the emulated GPU.
. "${RIL_ROOT:-.}/tests/ril_test.sh"
cd "$T" || exit 1
mode=${RIL_MODES%% *} B=$RIL_ROOT/build/${mode:-release}/tests
ril-scenes -q -o s --prefix q -n 8 --answers sentences --questions 1 --seed 1
jq -r '.question, .answer' s/q.jsonl >corpus.txt
jq -c -s '. as $q | {id: "none", question: "how many are there?", answer: "three"},
	{id: "two", question: "the same?", image: [$q[0].image, $q[1].image], answer: "no"}, $q[2], $q[3]' s/q.jsonl >s/all.jsonl
sum() { awk -v w="$1" '$1 == w {n = $NF} $2 == "memory:" && $3 == w {n = $NF} END {print n + 0}' "$2"; }
as_planned() { # within 5 %
	local part
	for part in weights masters gradients moments; do
		[ "$(sum $part plan)" = "$(sum $part used)" ] || { echo "$part: planned $(sum $part plan), used $(sum $part used)" >&2; return 1; }
	done
	awk -v p="$(sum activations plan)" -v u="$(sum activations used)" 'BEGIN {exit !(p >= .95 * u && p <= 1.05 * u)}' ||
		{ echo "activations: planned $(sum activations plan), used $(sum activations used)" >&2; return 1; }
}
train=(--objective ril --beta 0.02 --train llm,projector,vision --lr 1e-3 --seed 3)
encode() { "$1/ril-encode" -q -m "$2" --with-pixels --batch 4 --steps 1 --seed 3 "${@:4}" -o "$3" s/all.jsonl; }
rollout() { "$1/ril-rollout" -q -m "$2" -n 3 --max-new-tokens 8 --seed 3 -i "$3" -o "$4" "${@:5}"; }
disc() { "$1/ril-discriminate" -q --init-from "$2" --update --lr 1e-3 --seed 3 -i "$3" -o "$4" "${@:5}"; }
update() { "$1/ril-update" "${train[@]}" -m "$2" -i "$3" --save "$4" "${@:5}"; }
# A plan is of equal groups of one picture: four times the same question, whose answers never end early.
plan_one() {
	local token; token=$(jq '.image_token_id // .image_token_index' "$1/config.json")
	jq -c '. as $q | range(4) | $q + {id: "q\(.)"}' <(sed -n 3p s/all.jsonl) >s/same.jsonl
	jq --slurpfile c "$1/config.json" '.eos_token_id = $c[0].image_token_id' "$1/generation_config.json" >g && cp -r "$1" m && mv g m/generation_config.json
	ril-encode -q -m m --with-pixels --batch 4 --steps 1 s/same.jsonl -o p.ril && rollout "$RIL_BIN" m p.ril pr.ril && ril-score -q --judge contains -i pr.ril -o ps.ril &&
		ril-inspect --field prompt.ids p.ril | head -n 1 | cut -f 2 | tr ' ' '\n' >ids &&
		update "$RIL_BIN" m ps.ril none -q --beta 0 --plan --plan-batch "groups=4,prompt=$(wc -l <ids),responses=3,length=8,image=$(grep -cx "$token" ids)" >plan </dev/null &&
		update "$RIL_BIN" m ps.ril none --beta 0 -v 2>used && as_planned
}
one_step() { # the teacher is the student itself
	set -o pipefail
	ril-encode -q -m "$1" --with-pixels --batch 4 --steps 1 --seed 3 s/all.jsonl | ril-rollout -q -m "$1" -n 2 --max-new-tokens 8 --seed 3 |
		ril-teach -q -m "$1" -n 2 --tokenizer "$1" --image-root s --seed 4 | ril-discriminate -q --init-from "$1" --update --lr 1e-3 |
		ril-score -q --judge contains --reward 'similarity + answer' |
		ril-update -q -m "$1" --objective ril --train llm,projector,vision --lr 1e-3 --save "$2/step" -o "$2/step.ril" && ! cmp -s "$1/model.safetensors" "$2/step/model.safetensors" &&
		ril-inspect --field resp.source "$2/step.ril" | cut -f 2 | grep -q '^0 0 1' # an answer may be longer in other tokens, and is refused then
}
near() { # near WHAT TOLERANCE A B: a number of two metrics files
	jq -n --arg what "$1" --argjson most "$2" --slurpfile a "$3" --slurpfile b "$4" -e '[$a, $b] | map(.[0][$what]) | all(type == "number") and
		((.[0] - .[1]) | fabs) <= $most * ([map(fabs) | max, 1e-3] | max)' >/dev/null
}

for config in "$RIL_ROOT"/tests/golden/configs/*.json; do
	f=$(basename "$config" .json) bound=(--max-pixels 12544)
	[[ $f != internvl* ]] || bound=(--max-tiles 2)
	[[ $f != smolvlm* ]] || bound=(--max-tiles 4)
	rm -rf M m none; mkdir -p "$f"
	check "$f: a fresh folder" ril-init -q --config "$config" --train-tokenizer corpus.txt --vocab 280 --dtype F32 --range 0.05 --seed 2 "${bound[@]}" -o M
	check "$f: looked at" bash -c 'ril-inspect M | grep -q embed_tokens'
	check "$f: encoded" encode "$RIL_BIN" M "$f/e.ril"
	check "$f: sampled" rollout "$RIL_BIN" M "$f/e.ril" "$f/r.ril"
	check "$f: sampled from pixels, the same" bash -c "$(declare -f rollout); rollout '$RIL_BIN' M $f/e.ril $f/p.ril --from-pixels && cmp <(ril-inspect --field resp.ids $f/r.ril) <(ril-inspect --field resp.ids $f/p.ril)"
	check "$f: a whole step in one pipeline" bash -c "$(declare -f one_step); one_step M $f"
	check "$f: judged" disc "$RIL_BIN" M "$f/r.ril" "$f/d.ril"
	check "$f: scored" ril-score -q --judge contains --length 1-9 --reward 'similarity + answer + length' -i "$f/d.ril" -o "$f/s.ril"
	check "$f: trained" update "$RIL_BIN" M "$f/s.ril" "$f/a" -q --metrics "$f/a.jsonl"
	check "$f: every part moved" bash -c "ril-inspect --diff M $f/a >$f/diff; [ \$? = 1 ] && grep -q layers $f/diff" 2>/dev/null
	check "$f: on one thread" update "$RIL_BIN" M "$f/s.ril" "$f/b" -q --threads 1
	check "$f: the same bytes" cmp "$f/a/model.safetensors" "$f/b/model.safetensors"
	for how in cheap block; do
		check "$f: recomputed, $how" update "$RIL_BIN" M "$f/s.ril" "$f/$how" -q --recompute $how
		check "$f: the same bytes" cmp "$f/a/model.safetensors" "$f/$how/model.safetensors"
	done
	check "$f: in BF16" update "$RIL_BIN" M "$f/s.ril" "$f/bf16" -q --compute bf16 --metrics "$f/bf16.jsonl"
	check "$f: its loss is close" near loss 0.1 "$f/a.jsonl" "$f/bf16.jsonl"
	check "$f: adapters" update "$RIL_BIN" M "$f/s.ril" "$f/lora" -q --lora rank=2
	check "$f: are sampled with" rollout "$RIL_BIN" "$f/lora" "$f/e.ril" "$f/l.ril"
	check "$f: and merged" ril-merge -q -m "$f/lora" -o "$f/merged"
	check "$f: as planned" plan_one M
	if [ -x "$B/far/ril-update" ]; then
		check "$f: on a hostile device" update "$B/far" M "$f/s.ril" "$f/far" -q
		check "$f: sampled there" rollout "$B/far" M "$f/e.ril" "$f/far.ril" --from-pixels
	else skip "$f: no hostile device in this build"; fi
	if [ -x "$B/simt/ril-update" ]; then
		check "$f: sampled on the GPU" rollout "$B/simt" M "$f/e.ril" "$f/gpu.ril" --from-pixels --device cuda:0 --compute f32
		check "$f: trained on the GPU" update "$B/simt" M "$f/s.ril" "$f/gpu" -q --device cuda:0 --compute f32 --metrics "$f/gpu.jsonl"
		for what in loss grad_norm; do check "$f: its $what as on the CPU" near $what 1e-4 "$f/a.jsonl" "$f/gpu.jsonl"; done
		check "$f: trained on the GPU in BF16" update "$B/simt" M "$f/s.ril" "$f/gpub" -q --device cuda:0 --compute bf16 --metrics "$f/gpub.jsonl"
		check "$f: its loss is close" near loss 0.1 "$f/a.jsonl" "$f/gpub.jsonl"
	else skip "$f: no emulated GPU in this build"; fi
done
test_end
