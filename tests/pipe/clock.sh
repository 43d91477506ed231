# clock.sh -- where a stage's time went, as its metrics tell it: busy and waits are the wall clock's time; a slow stage
# before it shows as wait_in, a slow one behind as wait_out, an update at work as ril-rollout's wait_edge; and no reading
# gets into a stream.
. "${RIL_ROOT:-.}/tests/ril_test.sh"
. "$RIL_ROOT/tests/train_model.sh"
M=$RIL_ROOT/share/models/student
cd "$T" || exit 1
says() { check "$1" jq -es "$2" "$3" >/dev/null || cat "$3" >&2; }
now() { date +%s.%N; }

# 1,200 groups are more than a pipe holds
ril-scenes -q -o data -n 1200 --prefix q --seed 5 && ril-scenes -q -o said -n 1200 --prefix q --seed 5 --answers sentences
jq -c '{id, response: .answer, teacher: "a"}' said/q.jsonl >cache.jsonl
ril-encode -q -m "$M" --batch 600 --metrics encode.jsonl -o e.ril data/q.jsonl
size=$(stat -c %s e.ril)
check "a step is more than a pipe holds" test $((size / 2)) -gt $(((1 << 20) + (1 << 17)))
teach=(ril-teach -q --cache cache.jsonl -n 1 --tokenizer "$M" --threads 1)

began=$(now)
{ head -c $((size / 2)) e.ril; sleep 1; tail -c +$((size / 2 + 1)) e.ril; } | "${teach[@]}" --metrics slow-in.jsonl -o in.ril
spent=$(jq -n "$(now) - $began")
says "a slow producer is wait_in" '(map(.wait_in) | add) > 0.9' slow-in.jsonl
says "and no other wait" 'all(.wait_out == 0 and .wait_edge == 0)' slow-in.jsonl
says "a waiting stage is not busy" "(map(.busy) | add) < $spent - 0.9" slow-in.jsonl

"${teach[@]}" -i e.ril --metrics slow-out.jsonl | { sleep 1; cat; } >out.ril
says "a slow consumer is wait_out" '(map(.wait_out) | add) > 0.8' slow-out.jsonl
says "and no other wait" 'all(.wait_in == 0 and .wait_edge == 0)' slow-out.jsonl
"${teach[@]}" -i e.ril --metrics slow-out.jsonl >again.ril # the same arguments: the same HEAD
check "no clock is in a stream" cmp out.ril again.ril
head -n 2 slow-out.jsonl >first.jsonl && mv first.jsonl slow-out.jsonl

"${teach[@]}" -i e.ril --metrics free.jsonl -o /dev/null
says "files are not waited for" 'all(.wait_in == 0 and .wait_out == 0 and .busy == .wall)' free.jsonl
for f in encode slow-in slow-out free; do
	says "$f: a line a step" 'map(.step) == [1, 2]' $f.jsonl
	says "$f: busy and waits are all" 'all((.busy + .wait_in + .wait_out + .wait_edge - .wall) | fabs < 1e-4)' $f.jsonl
	says "$f: something was done" 'all(.busy > 0 and .cpu > 0)' $f.jsonl
done
says "the steps fit into the time that the tool took" "(map(.wall) | add) | . > 0.9 and . <= $spent" slow-in.jsonl
says "one thread takes no more than the wall clock's time" "(map(.cpu) | add) <= $spent * 1.05 + 0.05" slow-in.jsonl

# the loop: no version before the update is done, so the sampler waits as long as that works
check "a student was made" small_student .
mkfifo edge
ril-encode -q -m S --batch 6 --steps 4 q.jsonl | ril-rollout -q -m S -n 4 --max-new-tokens 16 --edge edge --metrics rollout.jsonl |
	ril-score -q --judge contains --metrics score.jsonl |
	ril-update -q -v -m S --objective dr-grpo --lr 2e-3 --mu 40 --steps 4 --edge edge --versions versions --metrics update.jsonl 2>talk
work=$(jq -s 'map(select(.step < 4).busy) | add' update.jsonl)
says "the sampler waits for versions while the update works" "(map(.wait_edge) | add) > 0.7 * $work" rollout.jsonl
says "the update waits on no edge" 'all(.wait_edge == 0)' update.jsonl
for f in rollout score update; do
	says "$f: busy and waits are all" 'all((.busy + .wait_in + .wait_out + .wait_edge - .wall) | fabs < 1e-4)' $f.jsonl
	says "$f: four lines" 'length == 4' $f.jsonl
done
check "the sums are told at the end" grep -q 'busy [0-9.]* s with [0-9.]* processors; waited [0-9.]* s for input' talk
mkdir run && cp rollout.jsonl score.jsonl run && cp update.jsonl run/metrics.jsonl
expect_exit 0 "$RIL_ROOT/scripts/ril-table" --times run
check "a row for each stage" test "$(grep -c '^ril-' "$T/out")" = 3
expect_exit 1 "$RIL_ROOT/scripts/ril-table" --times data

test_end
