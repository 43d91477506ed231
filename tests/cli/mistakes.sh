# mistakes.sh -- what a newcomer types or writes wrongly is refused before anything is computed or overwritten, in words that
# name the remedy: mistyped options, data and answers in another trainer's form, folders and files in each other's place.
. "${RIL_ROOT:-.}/tests/ril_test.sh"
PATH=$RIL_ROOT/scripts:$PATH
cd "$T" || exit 1
M=$RIL_ROOT/share/models/student C=$RIL_ROOT/share/recipes/student.json
says() { check "$1" grep -qF -- "$1" err; }
ril-scenes -q -o data -n 4 --prefix q --seed 5
encode() { ril-encode -q -m "$M" -o x.ril --image-root data "$@"; }

# options
expect_exit 2 encode --batch-size 3 data/q.jsonl; says 'unknown option --batch-size (did you mean --batch?)'
expect_exit 2 encode --shufle data/q.jsonl; says '--shufle (did you mean --shuffle?)'
expect_exit 2 encode --image_root . data/q.jsonl; says '(did you mean --image-root?)'
expect_exit 2 encode --learning-rate 1 data/q.jsonl; check "nothing is near" bash -c '! grep -q "did you mean" err'
expect_exit 2 encode --seed -1 data/q.jsonl; says '--seed: -1 is not in 0..4294967295'
expect_exit 2 encode --steps 3 data/q.jsonl; says '(--batch: '
expect_exit 2 encode --batch 9 --steps 3 data/q.jsonl; says '(--batch: '
expect_exit 2 encode --min-pixels 99999999 data/q.jsonl; says '(--min-pixels or --max-pixels)'
expect_exit 2 ril-inspect --stats --check x.ril
expect_exit 2 ril-score --references x.json </dev/null; says '--captions or --foil'
expect_exit 2 ril-scenes -o data --habits hue; says 'count, colour, shape'
expect_exit 2 ril-scenes -o data --phrasing pupil; says 'student, teacher-a'
expect_exit 2 ril-scenes -o data --phrasing student:x; says 'a weight is'
for tool in "ril-rollout -n 1" "ril-teach -n 1 --tokenizer $M" ril-discriminate ril-update; do
	expect_exit 2 $tool -m "$M" --plan-batch groups=1 </dev/null
done
check "--help shows what is needed" bash -c 'ril-teach --help | head -n 1 | grep -qF -- "-n G --tokenizer DIR"'
check "and no default for it" bash -c '! ril-teach --help | grep -- "--responses" | grep -q "\["'

# data and saved answers
jq -c '.images = [.image] | del(.image)' data/q.jsonl >images.jsonl
expect_exit 3 encode images.jsonl; says "no 'image', but 'images'"
jq -c '.images = null | del(.image)' data/q.jsonl >none.jsonl
expect_exit 0 encode none.jsonl
jq -c '.images = [.image]' data/q.jsonl >both.jsonl
expect_exit 0 encode both.jsonl
jq -c '.messages = [.question] | del(.question)' data/q.jsonl >messages.jsonl
expect_exit 3 encode messages.jsonl; says "messages 1: not an object"
jq -c '.problem = .question | del(.question)' data/q.jsonl >problem.jsonl
expect_exit 0 encode problem.jsonl
expect_exit 3 encode --format question problem.jsonl; says "no 'question', but 'problem'"
jq -c '.id = input_line_number' data/q.jsonl >numbered.jsonl
expect_exit 0 ril-encode -q -m "$M" --image-root data -o n.ril numbered.jsonl
jq -c '{id, response: .answer, teacher: "t"}' numbered.jsonl >saved.jsonl
expect_exit 0 ril-teach -q --cache saved.jsonl -n 1 --tokenizer "$M" --max-new-tokens 50 -i n.ril -o taught.ril
check "every numbered question has its answer" test "$(ril-inspect --field resp.text taught.ril | wc -l)" -eq 4
echo '{"id": [1], "response": "a", "teacher": "t"}' >listed.jsonl
expect_exit 3 ril-teach -q --cache listed.jsonl -n 1 --tokenizer "$M" -i n.ril -o y.ril; says "'id' is not text"
expect_exit 1 ril-teach -q -m "$M" -n 1 --tokenizer "$M" --max-new-tokens 9 -i n.ril -o y.ril --image-root none
check "a group has no line" bash -c "! grep -q 'line 0' err"

# one thing in another's place
expect_exit 3 ril-rollout -q -m "$M" -n 1 -i data/q.jsonl -o y.ril; says 'not a stream of these tools'
expect_exit 1 ril-inspect data; says 'not a model folder'
ril-rollout -q -m "$M" -n 2 --max-new-tokens 4 -i n.ril -o said.ril
expect_exit 2 ril-score -q --judge right -i said.ril -o y.ril; says 'exact, number, contains'
expect_exit 1 ril-score -q --reward 'similarity + answer' -i said.ril -o y.ril; says '(ril-discriminate gives it)'
expect_exit 1 ril-score -q --reward 'brevity' -i said.ril -o y.ril; says "no 'reward.brevity' (--reward: "
expect_exit 2 ril-score -q --reward 'similarity answer' -i said.ril -o y.ril; says "'+' or '-' must stand before 'answer'"
expect_exit 2 ril-score -q --reward 'answer +' -i said.ril -o y.ril; says "at the end"
ril-score -q -i said.ril -o scored.ril
expect_exit 0 ril-update -m "$M" --objective dr-grpo -i scored.ril; says 'the new weights are not kept'

# ril-init looks before it clears a folder
ril-init -q --config "$C" --tokenizer "$M" -o made
sum=$(cat made/* | cksum)
expect_exit 1 ril-init -q --config "$C" --tokenizer data -o made; says 'data: no tokenizer.json'
expect_exit 2 ril-init -q --config "$C" --tokenizer "$M" --min-tiles 2 -o made; says 'bounded in pixels'
expect_exit 2 ril-init -q --config "$C" --tokenizer "$M" --min-pixels 500 --max-pixels 10 -o made; says 'at least 500 and at most 10'
echo '[]' >list.json
expect_exit 3 ril-init -q --config list.json --tokenizer "$M" -o made; says 'list.json: not an object'
check "the folder is as it was" test "$(cat made/* | cksum)" = "$sum"

# ril-train makes no folder that a corrected line would find in its way
A="--run run --student $M --data data/q.jsonl --objective dr-grpo --batch 4 --steps 1"
for wrong in '--student none' '--data none' '--eval none' '--image-root none' '--cache none' '--disc none'; do
	expect_exit 1 ril-train $A $wrong; says "${wrong% *}: none: "
done
for wrong in '--seed x' '--threads x' '--teachers x' '--batch-size 3' '-b 3' '--caches x' '--record=1 x'; do expect_exit 2 ril-train $A $wrong; done
expect_exit 2 ril-train $A --step 3; says '(did you mean --steps?)'; says "Try 'ril-train --help'"
check "no folder is left" test ! -e run
expect_exit 2 ril-train $A --encode --nonsense
expect_exit 1 ril-train $A; says 'to begin anew, remove the folder'

# the scripts that look at a run, and the loop through files
for script in ril-plot ril-table ril-report ril-card; do
	expect_exit 2 "$script"; expect_exit 0 "$script" --help
	check "$script says how it is called" grep -q "^usage: $script " out
done
expect_exit 2 ril-plot data x.jpg
expect_exit 2 make -f "$RIL_ROOT/share/ril.mk"; says 'STUDENT= is needed'
expect_exit 2 make -f "$RIL_ROOT/share/ril.mk" STUDENT=a DATA=b; says 'DISC= is needed'
# a run with questions that have no type, and some of them no picture
jq -c 'del(.type) | if input_line_number == 2 then del(.image) else . end' data/q.jsonl >own.jsonl
rm -rf run
expect_exit 0 ril-train -q --run run --student "$M" --data own.jsonl --image-root data --eval own.jsonl --eval-image-root data --objective dr-grpo \
	--batch 4 --steps 1 -n 2 --max-new-tokens 4 --eval-every 25 --record
expect_exit 0 ril-report run; check "ril-report shows every group" test "$(grep -o '<article' out | wc -l)" -eq 4
check "and the pictures that there are" test "$(grep -o '<img' out | wc -l)" -eq 3
expect_exit 0 ril-report --image-root nowhere run; says '3 pictures were not found'
expect_exit 0 ril-table run; check "ril-table takes a run" grep -q 'after 1 steps of run' out
expect_exit 0 ril-plot run; check "ril-plot is silent about curves that are constant" test ! -s err
test_end
