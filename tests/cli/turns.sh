#!/bin/bash
# ril-encode --turns all: every answered question of a conversation is a group, with the pictures mentioned so far; the tokens are
# those of the whole conversation in one sequence, and the loss is that sequence's with everything but answers masked, as PyTorch
# has it.
. "$RIL_ROOT/tests/ril_test.sh"
set -u
cd "$T" || exit
M=$RIL_ROOT/share/models/student python=${PYTHON:-python3}
says() { check "says: $1" grep -qF -- "$1" err; }
E() { ril-encode -q -m "$M" --image-root data "$@"; }
ril-scenes -q -o data -n 4 --prefix q --seed 9
jq -s -c '[.[].image] as $i | ["Be brief.", null, "No."][] as $system
	| {id: "c\($system | length)", system: $system, judge: "exact", images: [$i[0], $i[1]], messages: [
	{role: "user", content: "<image>What is here?"}, {role: "assistant", content: "A red ball."}, {role: "user", content: "And where?"},
	{role: "assistant", content: "Above a blue one, I think."}, {role: "user", content: "<image>Here, too?"}, {role: "assistant", content: "No."}]}' data/q.jsonl >talk.jsonl
groups() { ril-inspect --json "$1" | jq -c 'select(.kind == "group")'; }

expect_exit 0 E --with-answers -o last.ril talk.jsonl
expect_exit 0 E --with-answers --turns all --batch 2 -o all.ril --metrics m.jsonl talk.jsonl
check "keys" test "$(groups all.ril | jq -r .key | head -4 | paste -sd' ')" = "c9/turn-1 c9/turn-2 c9 c0/turn-1"
check "a step has whole conversations" test "$(ril-inspect --json all.ril | jq -c 'select(.kind == "step").metadata.groups | tonumber' | paste -sd' ')" = "6 3"
check "and metrics count its groups" test "$(jq .groups m.jsonl | paste -sd' ')" = "6 3"
check "answers" test "$(groups all.ril | jq -c '[.metadata.question, .metadata.answers[0], (.metadata["image.path"] | length), (.metadata.turns | length), .metadata.judge]' | head -3 | paste -sd' ')" = \
	'["<image>What is here?","A red ball.",1,1,"exact"] ["And where?","Above a blue one, I think.",1,3,"exact"] ["<image>Here, too?","No.",2,5,"exact"]'
check "the last is as ever" test "$(ril-inspect --json --field prompt.ids all.ril | jq -c 'select(.key | test("turn") | not)')" = "$(ril-inspect --json --field prompt.ids last.ril | jq -c .)"
# each prompt goes on from the last prompt and its answer
ids() { ril-inspect --json --field "$1" all.ril | jq -c '.value'; }
paste <(ids prompt.ids) <(ids resp.ids) | head -3 | jq -c -s '[range(0; length; 2) as $k | {p: .[$k], r: .[$k + 1]}]' >turns.json
check "one sequence" test "$(jq '. as $t | [range(1; length) as $i | ($t[$i - 1].p + $t[$i - 1].r) as $before | $t[$i].p[:$before | length] == $before] | all and length == 2' turns.json)" = true
expect_exit 0 ril-encode -m "$M" --image-root data --check --stats --turns all --with-answers talk.jsonl; says '3 questions, no fault'
check "measured one by one" grep -q '^answer tokens  *9 ' out
expect_exit 0 E --turns all data/q.jsonl
expect_exit 2 E --turns first data/q.jsonl
jq -c '.messages |= .[:5] | .images |= .[:2]' talk.jsonl >open.jsonl
keys() { groups "$1" | jq -r .key | paste -sd' '; }
expect_exit 0 ril-encode -m "$M" --image-root data --turns all --with-answers --batch 3 -o open.ril open.jsonl; says '3 turns are not learnt'
check "what ends in a question: the answers before it" test "$(keys open.ril)" = "c9/turn-1 c9/turn-2 c0/turn-1 c0/turn-2 c3/turn-1 c3/turn-2"
expect_exit 0 E --turns all -o open.ril open.jsonl
check "to be answered it is a question" test "$(keys open.ril)" = "c9/turn-1 c9/turn-2 c9 c0/turn-1 c0/turn-2 c0 c3/turn-1 c3/turn-2 c3"
jq -c 'del(.images) | .messages = [{role: "user", content: "Here?"}]' talk.jsonl >asked.jsonl
expect_exit 1 E --turns all --with-answers asked.jsonl; says "no 'answer' to make a response of"

# answers that other trainers would not learn
jq -c 'if .id == "c9" then .messages[1].weight = 0 | .messages[3].weight = 1 elif .id == "c0" then .messages[3].loss = false | .messages[5].loss = true
	else .messages[5].weight = 0 | .messages[5].loss = null end' talk.jsonl >marked.jsonl
expect_exit 0 ril-encode -m "$M" --image-root data --turns all --with-answers --batch 3 -o marked.ril marked.jsonl; says '3 turns are not learnt'
check "are left out, the others keep their names" test "$(keys marked.ril)" = "c9/turn-2 c9 c0/turn-1 c0 c3/turn-1 c3/turn-2"
check "and stay in what comes after" test "$(groups marked.ril | jq -c 'select(.key == "c9/turn-2").metadata.turns[2].content')" = '"A red ball."'
check "the others are as without marks" test "$(ril-inspect --json --field prompt.ids marked.ril | jq -c 'select(.key == "c9/turn-2")')" = "$(ril-inspect --json --field prompt.ids all.ril | jq -c 'select(.key == "c9/turn-2")')"
expect_exit 0 ril-encode -m "$M" --image-root data --check --turns all --with-answers marked.jsonl; says '3 turns are not learnt'
expect_exit 0 E --turns all -o unlearnt.ril marked.jsonl
check "as questions they are asked" test "$(keys unlearnt.ril | wc -w)" -eq 9
expect_exit 1 E --with-answers marked.jsonl; says "the answer to make a response of is marked as not to be learnt"
expect_exit 0 E marked.jsonl
jq -c '.messages[1, 3, 5].weight = 0' talk.jsonl >none.jsonl
expect_exit 1 E --turns all --with-answers none.jsonl; says "no answer is to be learnt"
head -n 1 talk.jsonl | cat none.jsonl - | jq -c '.id = "x\(input_line_number)"' >mixed.jsonl
check "a step without any is a step" test "$(E --turns all --with-answers --batch 1 mixed.jsonl | ril-inspect --json - | jq -c 'select(.kind == "step").metadata.groups | tonumber' | paste -sd' ')" = "0 0 0 3"
expect_exit 0 sh -c "ril-encode -q -m '$M' --image-root data --turns all --with-answers --batch 1 mixed.jsonl | ril-update -q -m '$M' --objective sft --lr 1e-4 --run run"
for bad in 2 0.5 '"no"' '[]'; do
	head -n 1 talk.jsonl | jq -c ".messages[1].weight = $bad" >bad.jsonl
	expect_exit 3 E bad.jsonl; says "bad.jsonl: line 1: id 'c9': messages 2: 'weight' is neither 0 nor 1, false nor true"
done

# the loss of a step is the mean over all answers' tokens
loss() { ril-update -q -m "$M" --objective sft --lr 0 --metrics "$1.jsonl" --save "$1.out" -i "$1" -o /dev/null && jq .loss "$1.jsonl"; }
head -n 1 talk.jsonl >one.jsonl
E --with-answers --turns all --batch 1 -o one.ril one.jsonl
whole=$(loss one.ril)
jq -c '[.messages[1:][] | .content] as $c | .messages as $m | (2, 4, 6) as $n | .messages = $m[:$n] | .images |= .[:(if $n == 6 then 2 else 1 end)] | .id = "n\($n)"' one.jsonl >parts.jsonl
sum=0 tokens=0
for k in 1 2 3; do
	sed -n "${k}p" parts.jsonl >part.jsonl
	E --with-answers --batch 1 -o "part$k.ril" part.jsonl
	n=$(ril-inspect --json --field resp.ids "part$k.ril" | jq '.value | length')
	sum=$(jq -n "$sum + $n * $(loss "part$k.ril")") tokens=$((tokens + n))
done
check "the mean over tokens: $whole, $sum / $tokens" jq -en >out "$whole - $sum / $tokens | fabs < 1e-5"

# the reference: one sequence, everything but the assistant's content and its end masked
reference=$RIL_SHARED/data/models/qwen2_5-text
if [ ! -d "$reference" ] || ! "$python" -c 'import torch, transformers' 2>/dev/null; then
	skip "no torch and transformers, or no reference model"
else
	jq -c 'del(.images) | .messages[].content |= sub("<image>"; "")' one.jsonl >text.jsonl
	ril-encode -q -m "$reference" --with-answers --turns all --batch 1 -o text.ril text.jsonl
	M=$reference
	mine=$(loss text.ril)
	"$python" - "$reference" text.jsonl >theirs 2>err.py <<'END'
import json, sys
import torch, transformers
folder, data = sys.argv[1:]
tok = transformers.AutoTokenizer.from_pretrained(folder)
model = transformers.AutoModelForCausalLM.from_pretrained(folder, dtype=torch.float32).eval()
record = json.loads(open(data).readline())
messages = [{"role": "system", "content": record["system"]}] + record["messages"]
def ids(n, more): return tok.apply_chat_template(messages[:n], tokenize=True, add_generation_prompt=more, return_dict=False)
whole = ids(len(messages), False)
labels = [-100] * len(whole)
for i, m in enumerate(messages):
    if m["role"] == "assistant":
        begin = len(ids(i, True))
        end = begin + len(tok.encode(m["content"] + "<|im_end|>", add_special_tokens=False))
        labels[begin:end] = whole[begin:end]
with torch.no_grad():
    print(model(input_ids=torch.tensor([whole]), labels=torch.tensor([labels])).loss.item())
END
	check "PyTorch's loss: $mine, $(cat theirs err.py | tail -1)" jq -en >out "($mine - $(cat theirs)) | fabs < 1e-5 * (1 + $mine)"
fi
test_end
