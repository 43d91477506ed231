# watch.sh -- ril-inspect --watch: a run's figures beside its files, files that grow, are cut, or begin anew; in a pseudo-terminal sizes,
# keys and signals, what it leaves behind, and a run that is killed.
. "${RIL_ROOT:-.}/tests/ril_test.sh"
PATH="$RIL_ROOT/scripts:$PATH"
export LC_ALL=C.UTF-8
unset COLUMNS LINES NO_COLOR
cd "$T" || exit 1
W() { ril-inspect --watch --once "$@"; }
shows() { grep -qE -- "$1" out; }
line() { # line STEP REWARD: of metrics, two seconds after the one before
	echo "{\"step\":$1,\"kl\":0.$1,\"student\":{\"reward\":$2},\"teacher\":{\"reward\":2},\"time\":$((1000 + 2 * $1)),\"wall\":2,\"busy\":0.5,\"wait_in\":1.5}"
}
mkdir run; echo '{"settings":{"steps":"50","objective":"ril","metric":"captions.CIDEr"}}' >run/run.json
expect_exit 0 W run; check "nothing yet" shows 'waits for its first step'
for n in 1 2 3 4 5 6 7 8; do line $n "0.$n"; done >run/metrics.jsonl
for n in 1 2; do echo "{\"step\":$n,\"wall\":4,\"busy\":3,\"wait_out\":1,\"time\":$((1000 + n))}"; done >run/score.jsonl
for n in 0 4; do echo "{\"step\":$n,\"report\":{\"accuracy\":0.9,\"captions\":{\"CIDEr\":$((n + 1))}}}"; done >run/eval.jsonl
expect_exit 0 W run
check "steps, rate: two seconds each" shows 'step 8 of 50, 16 %; 30.0 steps/min'
check "means of the latest" shows '^reward +0\.450 .* 2\.000 '
check "whom update waits for" shows '^update +25 % busy .* waits for score 75 %'
check "and score" shows '^score +75 % busy .* waits for update 25 %'
check "what the run calls its best by" shows '^held out +5\.000 .*captions.CIDEr, step 4; best 5\.000, step 4'
check "a run without a lock: nobody can tell, but how long ago" shows 'no step for [0-9]+ d'
check "80 columns, no codes" bash -c '[ "$(wc -L <out)" -le 80 ] && ! grep -q "$(printf "\033")" out'
COLUMNS=50 LINES=6 expect_exit 0 W run; check "COLUMNS, LINES" bash -c '[ "$(wc -L <out)" -le 50 ] && [ "$(wc -l <out)" = 6 ]'
LC_ALL=C expect_exit 0 W run; check "ASCII alone" bash -c '! LC_ALL=C grep -q "[^ -~]" out'
exec 8>run/lock; flock 8; expect_exit 0 W run; check "a lock that is held: at work" shows ' left$'
exec 8>&-; expect_exit 0 W run; check "one that is not: ended" shows 'ended$'; check "and what to do" shows 'ril-train --resume goes on with it'
line 50 1 >>run/metrics.jsonl; expect_exit 0 W run; check "all steps: finished" shows 'finished$'
printf '{"step":51,"stu' >>run/metrics.jsonl; expect_exit 0 W run; check "half a line is none" shows 'step 50 of 50'
expect_exit 0 W run/metrics.jsonl; check "a file alone" shows 'step 50; 30.0 steps/min'
expect_exit 0 W run/score.jsonl; check "another stage's" shows '^score +75 % busy'
echo 'nonsense' >>run/metrics.jsonl; expect_exit 3 W run; check "what is damaged is named: $(cat err)" grep -q 'metrics.jsonl: line 10' err
echo '{"settings":' >run/run.json; expect_exit 3 W run; check "and run.json: $(cat err)" grep -q 'run.json' err
expect_exit 1 W nowhere; expect_exit 2 ril-inspect --watch; expect_exit 2 ril-inspect --once run; expect_exit 2 W --json run; expect_exit 2 W --every 0 run
expect_exit 2 W run run

# not a terminal: a page for each change, until the run is over; a file that is begun anew is read anew
rm -r run; mkdir run; echo '{"settings":{"steps":"4"}}' >run/run.json; line 1 1 >run/metrics.jsonl; exec 8>run/lock; flock 8
ril-inspect --watch --every 0.05 run >pages 2>said 8>&- & pid=$!
seen() { local i; for i in $(seq 100); do grep -qE "$1" pages && return; sleep .1; done; cat pages >&2; return 1; }
check "the first" seen 'step 1 of 4'
line 2 1 >>run/metrics.jsonl; printf '{"step":3,"student":{"rew' >>run/metrics.jsonl; check "another" seen 'step 2 of 4'
printf 'ard":5}}\n' >>run/metrics.jsonl; check "the line whose end came later" seen 'step 3 of 4'
{ line 1 9; line 2 9; } >run/new; mv run/new run/metrics.jsonl; check "begun anew: what was before does not count" seen '^reward +9\.000 '
n=$(grep -c 'of 4' pages); sleep .4; check "no page without news" test "$(grep -c 'of 4' pages)" = "$n"
line 3 9 >>run/metrics.jsonl; line 4 9 >>run/metrics.jsonl; exec 8>&-
wait $pid; rc=$?; check "ends with the run: $rc $(cat said)" test $rc = 0
check "which it says" bash -c 'tail -n 12 pages | grep -q finished'

# what a model writes is shown, not done; a record that is damaged
M=$RIL_ROOT/share/models
ril-scenes -q -o data -n 12 --seed 3
jq -c '.question = "\u001b[2J\u001b]0;owned\u0007what \u202e\u200bis this?"' data/scene.jsonl >hostile.jsonl
expect_exit 0 ril-train -q --run hostile --student "$M/student" --objective dr-grpo --data hostile.jsonl --image-root data --steps 4 --batch 3 -n 2 --max-new-tokens 8 --record
expect_exit 0 W hostile; check "its last answers" shows '^student +[✓✗] r [01]\.000 '
check "no control character, nor one that turns text round" bash -c '! LC_ALL=C grep -qP "[\x01-\x08\x0b-\x1f\x7f]|\xe2\x80\xae" out'
check "but the question" shows 'what .*is this\?'
head -c 2000 hostile/record/step-4.ril >cut; cp -r hostile damaged; cp cut damaged/record/step-4.ril; expect_exit 3 W damaged; check "a damaged record is named: $(cat err)" grep -q step-4.ril err
rm damaged/record/step-4.ril; expect_exit 0 W damaged; check "the one before it" shows '^step 3 '
rm -r damaged/record; expect_exit 0 W damaged; check "without records" shows 'answers were not recorded; ril-train --record does that'
expect_exit 0 ril-train -q --run living --student "$M/student" --objective dr-grpo --data data/scene.jsonl --steps 2 --batch 6 -n 2 --max-new-tokens 20 --record --save-every 1 --keep 1
jq '.settings.steps = "100000"' living/run.json >new && mv new living/run.json
if command -v python3 >/dev/null; then
	expect_exit 0 timeout 200 python3 "$RIL_ROOT/tests/cli/watch.py" "$T/hostile" "$T/living"
	passed=$((passed + $(grep -c '^ok ' out)))
else skip "no python3: no pseudo-terminal"; fi
test_end
