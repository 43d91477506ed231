#!/bin/bash
# ril-encode as a program: errors that name their cause, what repeats exactly, steps and checkpoints.
. "$RIL_ROOT/tests/ril_test.sh"
set -u
says() { grep -qF -- "$1" "$T/err" || { cat "$T/err" >&2; false; }; }
model=$RIL_SHARED/data/models/qwen2_5_vl-a pictures=$RIL_SHARED/data/models/pictures
if [ ! -d "$model" ]; then skip_all "no reference models"; fi
cd "$T" || exit
names=("$pictures"/*)
for k in $(seq 9); do
	printf '{"id":"q%d","image":"%s","question":"Question %d","answer":"a%d"}\n' "$k" "${names[$((k % 4 + 2))]##*/}" "$k" "$k"
done >d.jsonl
E() { ril-encode -q -m "$model" --image-root "$pictures" "$@"; }
groups() { ril-inspect --json "$1" | grep '^{"kind":"group"'; }

expect_exit 0 E -o a.ril --batch 4 --steps 6 --shuffle --seed 3 --threads 1 d.jsonl
expect_exit 0 E -o b.ril --batch 4 --steps 6 --shuffle --seed 3 --threads 2 --picture-cache 0 d.jsonl
expect_exit 0 ril-inspect --diff a.ril b.ril
check "one and two threads, with and without a cache: the same groups" test "$(groups a.ril)" = "$(groups b.ril)"
for s in 0 2 5; do
	expect_exit 0 E -o c.ril --batch 4 --steps 6 --start-step $s --count 1 --shuffle --seed 3 d.jsonl
	check "step $((s + 1)) alone is the whole run's" \
		test "$(groups a.ril | sed -n "$((4 * s + 1)),$((4 * s + 4))p")" = "$(groups c.ril)"
done
expect_exit 1 E -o c.ril --batch 4 --steps 6 --start-step 6 d.jsonl
expect_exit 0 E -o a.ril --batch 4 --epochs 2 --save-every 2 d.jsonl
check "checkpoints: every second step and the last" test "$(ril-inspect a.ril | grep -c 'step.*checkpoint')" = 3
expect_exit 0 E -z -o z.ril d.jsonl
check "gzip" gzip -t z.ril
expect_exit 0 E - <d.jsonl
check "from standard input to standard output" test "$(groups "$T/out" | wc -l)" = 9

# A signal ends the run after the batch at work: a whole stream whose last step asks for a checkpoint.
mkfifo pipe
ril-encode -q -m "$model" --image-root "$pictures" --batch 2 --steps 1000000 d.jsonl >pipe 2>"$T/err" & encoder=$!
{ head -c 100000; kill -INT $encoder; cat; } <pipe >stopped.ril
wait $encoder; check "exit 130 after SIGINT" test $? = 130
expect_exit 0 ril-inspect --check stopped.ril
check "the last step asks for a checkpoint" sh -c "ril-inspect stopped.ril -n 0 | grep -- '-- step' | tail -n 1 | grep -q checkpoint"

expect_exit 2 E --batch 4
expect_exit 2 ril-encode d.jsonl
expect_exit 2 E --batch 10 --steps 2 d.jsonl
expect_exit 2 E --max-tiles 3 d.jsonl
expect_exit 1 E /no/such.jsonl
expect_exit 1 E -o /dev/full d.jsonl
expect_exit 1 E -o x.ril --max-prompt 10 d.jsonl
check "too long a prompt: line, id and length" says "line 1: id 'q1': a prompt of"
check "nothing is left of a failed run" test ! -e x.ril
expect_exit 1 ril-encode -q -m "$model" d.jsonl -o x.ril
check "a missing picture is named" says "d.jsonl: line 1: id 'q1': "
cp "$pictures/p4_333x250_jpegprog.jpg" cut.jpg && chmod u+w cut.jpg && truncate -s 5000 cut.jpg
echo '{"id":"x","image":["cut.jpg"],"question":"Q"}' >cut.jsonl
expect_exit 3 ril-encode -q -m "$model" cut.jsonl -o x.ril
check "a cut picture: file, line, id, cause" says "cut.jsonl: line 1: id 'x': cut.jpg: JPEG: truncated"
printf '{"id":"x","question":"<image> and <image>","image":"%s"}\n' "${names[2]##*/}" >marks.jsonl
expect_exit 1 E -o x.ril marks.jsonl
check "marks and pictures that do not agree" says "marks.jsonl: line 1: id 'x': "
echo '{"id":"x","question":"Q"}' >none.jsonl
expect_exit 1 E --with-answers -o x.ril none.jsonl
check "no answer" says "no 'answer'"
expect_exit 1 ril-encode -q -m "$RIL_SHARED/data/models/qwen3-text" --image-root "$pictures" d.jsonl -o x.ril
check "a text model takes no pictures" says "is a text model"
test_end
