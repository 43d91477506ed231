# kinds.sh -- questions of text alone, of several pictures and of several turns, and a student of adapters, each through the whole
# pipeline: two steps of ril-train with a local teacher, a discriminator that learns and evaluation beside the loop; where no picture
# is missing from the record, a recorded step makes the loop's student once more, to the byte.
. "${RIL_ROOT:-.}/tests/ril_test.sh"
PATH="$RIL_ROOT/scripts:$PATH"
cd "$T" || exit 1
M=$RIL_ROOT/share/models
ril-scenes -q -o data -n 8 --prefix q --seed 5
pairs='[., .[1:] + .[:1]] | transpose | map('
jq -c 'del(.image)' data/q.jsonl >text.jsonl
jq -cs "$pairs.[0] + {image: map(.image)})[]" data/q.jsonl >pictures.jsonl
jq -cs "$pairs(.[0] | del(.image, .question, .answer)) + {answer: .[0].answer, images: map(.image), messages: [
	{role: \"user\", content: (\"<image>\" + .[1].question)}, {role: \"assistant\", content: .[1].answer}, {role: \"user\", content: (\"<image>\" + .[0].question)}]})[]" data/q.jsonl >turns.jsonl
cp data/q.jsonl adapters.jsonl

# What the prompts of each are made of: pictures' tokens of none, of one, of two; and more than the question in a conversation.
image=$(jq .image_token_id "$M/student/config.json")
for kind in text pictures turns adapters; do
	check "$kind: encoded" ril-encode -q -m "$M/student" --image-root data --batch 4 --steps 2 --seed 1 -o $kind.ril $kind.jsonl
	ril-inspect --json --field prompt.ids $kind.ril | jq -s "map(select(.key) | [.value | length, (map(select(. == $image)) | length)]) | .[0]" >$kind.first
done
tokens() { jq ".[$2]" "$1.first"; }
one=$(tokens adapters 1)
check "a picture has tokens: $one" test "$one" -gt 0
check "text: none" test "$(tokens text 1)" = 0
check "pictures: of two" test "$(tokens pictures 1)" = $((2 * one))
check "turns: of two, and words of both" test "$(tokens turns 1)" = $((2 * one)) -a "$(tokens turns 0)" -gt "$(tokens pictures 0)"

for kind in text pictures turns adapters; do
	lora=() && [ $kind = adapters ] && lora=(--lora rank=4,dropout=0.1)
	check "$kind: a discriminator is begun" bash -o pipefail -c "ril-rollout -q -m $M/student -n 2 --max-new-tokens 12 -i $kind.ril |
		ril-teach -q -m $M/teacher-a -n 1 --tokenizer $M/student --image-root data --max-new-tokens 12 --save $kind.answers |
		ril-discriminate -q --init-from $M/student --update --lr 1e-3 --save $kind.disc -o /dev/null"
	check "$kind: two steps" timeout 120 ril-train -q --run $kind --student "$M/student" --disc $kind.disc --cache $kind.answers --data $kind.jsonl --image-root data \
		--eval $kind.jsonl --eval-image-root data --eval-every 1 --save-every 1 --steps 2 --batch 4 -n 2 --teachers 1 --max-new-tokens 12 --seed 1 --keep 0 --record \
		--reward 'similarity + answer + 0.1*length' --score '--length 3-9' --discriminate '--lr 1e-3' --update "--lr 1e-3 --beta 0.01 ${lora[*]}"
	check "$kind: groups of both" jq -es 'length == 2 and all(.groups == 4 and .student.responses == 8 and .teacher.responses == 4)' $kind/metrics.jsonl >/dev/null
	check "$kind: each step moves the student" jq -es 'all(.grad_norm > 1e-6)' $kind/metrics.jsonl >/dev/null
	check "$kind: and D" jq -es 'length == 2 and all(.student == 8 and .teacher == 4 and .grad_norm > 0)' $kind/disc.jsonl >/dev/null
	check "$kind: evaluated before, between and after" test "$(jq -c '[.step, .report.n]' $kind/eval.jsonl | sort | paste -sd ' ')" = "[0,8] [1,8] [2,8]"
	weights=$([ $kind = adapters ] && echo adapter_model.safetensors || echo model.safetensors)
	check "$kind: saved twice, and different" bash -c "! cmp -s $kind/step-1/student/$weights $kind/step-2/student/$weights"
	check "$kind: what was saved answers" bash -o pipefail -c "ril-rollout -q -m $kind/step-2/student -n 1 --greedy --max-new-tokens 12 -i $kind.ril | ril-score -q --report json | jq -e '.n == 8' >/dev/null"
	[ $kind = text ] || continue
	check "$kind: a step by itself" ril-update -q --objective ril --run $kind-again --start-step 0 --steps 1 -m "$M/student" --lr 1e-3 --beta 0.01 --seed 1 \
		--save $kind.first-step -i $kind/record/step-1.ril
	check "$kind: is the loop's" cmp $kind.first-step/$weights $kind/step-1/student/$weights
done
check "adapters: PEFT's file, with their dropout" test "$(jq .lora_dropout adapters/step-2/student/adapter_config.json)" = 0.1
test_end
