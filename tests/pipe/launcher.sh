# launcher.sh -- what scripts/ril-train adds to the pipeline: evaluation beside the loop, run.json, refusals, early signals.
. "${RIL_ROOT:-.}/tests/ril_test.sh"
PATH="$RIL_ROOT/scripts:$PATH"
cd "$T" || exit 1
ril-scenes -q -o data -n 24 --prefix q --seed 5
ril-scenes -q -o data -n 60 --prefix h --seed 6
settings=(--student "$RIL_ROOT/share/models/student" --objective dr-grpo --data data/q.jsonl --batch 6 -n 2 --max-new-tokens 20)

# Steps are faster than evaluations here: no checkpoint may be dropped before its turn.
expect_exit 0 timeout 60 ril-train -q --run run "${settings[@]}" --steps 12 --encode '--epochs 3' --save-every 1 --keep 1 \
	--eval data/h.jsonl --eval-every 3 --record --update '--lr 1e-3'
check "evaluated: every third step and the start" test "$(jq -r .step run/eval.jsonl | tr '\n' ' ')" = "0 3 6 9 12 "
check "a verdict on every question, whose mean is the report's" jq -es 'all(.verdicts | test("^[01]{60}$")) and
	all((.verdicts / "" | map(tonumber) | add / 60) - .report.accuracy | fabs < 1e-9)' run/eval.jsonl
check "in the questions' order" test "$(jq -r 'select(.step == 0).verdicts' run/eval.jsonl)" = "$(ril-rollout -q -m "$RIL_ROOT/share/models/student" -n 1 --greedy \
	--max-new-tokens 20 -i run/eval.ril | ril-score -q | ril-inspect --field reward.answer | cut -f 2 | tr -d '\n')"
best=$(jq -rs 'max_by([.report.accuracy, .step]) | .step' run/eval.jsonl)
[ "$best" = 0 ] || check "best is the best" test "$(readlink run/best)" = "step-$best" -a -s run/best/student/model.safetensors
check "current is the last" test "$(readlink run/current)" = step-12
check "no other checkpoint is kept" test "$(ls -d run/step-* | wc -l)" -le 2
check "run.json: settings" test "$(jq -r '.settings.steps' run/run.json)" = 12
check "run.json: every stage's command line" jq -e '.starts[0].stages | (keys == ["encode", "rollout", "score", "update"])
	and (.update | contains("--lr")) and (.rollout | contains("--edge"))' run/run.json >/dev/null
check "metrics of the sampler" test "$(jq -r .step run/rollout.jsonl | tail -n 1)" = 12
expect_exit 2 ril-train --resume run --steps 20
check "a setting is not ignored on resume" grep -q 'steps does not go with it' err
expect_exit 1 ril-train --run run "${settings[@]}"
expect_exit 2 ril-train --run other "${settings[@]}" --keep few

# Settings from a file: what they are is what is printed; what is wrong is named with its line.
ril-train --settings run >settings
check "settings in a file" grep -qx 'update --lr 1e-3' settings
check "record is one" grep -qx record settings
expect_exit 0 timeout 60 ril-train -q --config settings --run copy --steps 3 --save-every 3
check "the same but for what was given after" cmp <(ril-train --settings copy | grep -v '^s') <(grep -v '^s' settings)
check "the same weights as the other run had" cmp <(head -n 1 copy/metrics.jsonl | jq .loss) <(head -n 1 run/metrics.jsonl | jq .loss)
printf 'steps 3\n\n# no\nbatches 4\n' >wrong
expect_exit 2 ril-train --config wrong --run x; check "line" grep -q 'wrong: line 4: unknown option --batches' err
printf 'resume run\n' >wrong; expect_exit 2 ril-train --config wrong --run x; check "resume" grep -q 'line 1: resume is not a setting' err
printf 'steps\n' >wrong; expect_exit 2 ril-train --config wrong --run x; check "no value" grep -q 'line 1: steps needs a value' err
expect_exit 1 ril-train --config nowhere --run x
expect_exit 1 ril-train --settings nowhere
check "no run was made" test ! -e x

# The best by another number; an end once nothing becomes better; a number that is not there.
expect_exit 0 timeout 60 ril-train -q --config settings --run early --steps 200 --save-every 1 --eval-every 1 --keep 0 --patience 2 \
	--metric captions.ROUGE-L --update '--lr .05'
check "ended early" test "$(jq -r .step early/metrics.jsonl | tail -n 1)" -lt 200
best=$(jq -rs 'max_by([.report.captions["ROUGE-L"], .step]) | .step' early/eval.jsonl)
check "two evaluations since the best, $best" test "$(jq -s "map(select(.step > $best)) | length" early/eval.jsonl)" -ge 2
[ "$best" = 0 ] || check "the best by that number" test "$(readlink early/best)" = "step-$best"
expect_exit 1 timeout 60 ril-train -q --config settings --run none --metric nothing
check "what there is" grep -q "no number 'nothing'; it has accuracy, macro" err
expect_exit 2 ril-train --run x --student "$RIL_ROOT/share/models/student" --objective dr-grpo --data data/q.jsonl --patience 2
check "patience needs an evaluation" grep -q 'needs --eval' err

# Runs tell whether they were asked the same questions; a judge may give more than right and wrong.
jq -c '.answers = ["the circle is pink", "the red thing is a crown"] | .judge = "anls" | del(.answer)' data/h.jsonl | head -n 6 >data/v.jsonl
jq -c '.answer = "other"' data/h.jsonl | head -n 6 >data/w.jsonl
for other in v w; do
	expect_exit 0 timeout 60 ril-train -q --config settings --run asked-$other --eval data/$other.jsonl --steps 3 --save-every 3
done
check "the same questions" test "$(jq -r .asked run/eval.jsonl copy/eval.jsonl | sort -u | wc -l)" = 1
check "others, with the same keys" test "$(jq -r .asked run/eval.jsonl asked-*/eval.jsonl | sort -u | wc -l)" = 3
check "verdicts that are not 0 or 1" jq -es 'all(.verdicts | type == "array" and length == 6 and (map(select(. > 0 and . < 1)) | length > 0))' asked-v/eval.jsonl

# An average of the weights, evaluated in the student's place.
expect_exit 0 timeout 60 ril-train -q --config settings --run averaged --steps 2 --save-every 1 --eval-every 1 --keep 0 --ema .9 --eval-weights ema --update '--lr .02'
ril-rollout -q -m averaged/step-2/ema -n 1 --greedy --max-new-tokens "$(jq -r '.settings["max-new-tokens"]' averaged/run.json)" -i averaged/eval.ril | ril-score -q --report json | jq -c . >report
check "the average was evaluated" cmp report <(jq -c 'select(.step == 2) | .report' averaged/eval.jsonl)
check "its decay went to ril-update alone" test "$(jq -r '.starts[0].stages | to_entries[] | select(.value | test("--ema")) | .key' averaged/run.json)" = update
for wrong in '--ema 1' '--ema x' '--eval-weights both --ema .9' '--eval-weights ema'; do
	# shellcheck disable=SC2086
	expect_exit 2 ril-train --config settings --run x $wrong
done
check "no run was made of them" test ! -e x

# What lies beyond the newest complete checkpoint is discarded.
mkdir run/step-13.tmp run/old-3.tmp; cp run/record/step-12.ril run/record/step-13.ril; rm -f run/best
expect_exit 0 ril-train -q --resume run
check "discarded" test ! -e run/step-13.tmp -a ! -e run/old-3.tmp -a ! -e run/record/step-13.ril
[ "$best" = 0 ] || check "best is found again" test "$(readlink run/best)" = "step-$best"

# A signal at any moment of the start ends the run: 143, and no later than after a step.
for delay in .02 .1 .2 .3 .5; do
	timeout 30 ril-train -q --run "early$delay" "${settings[@]}" --steps 2000 --encode '--epochs 500' 2>err & pid=$!
	sleep $delay; kill -TERM $pid; wait $pid; rc=$?
	check "SIGTERM after $delay s: 143 (was $rc: $(head -n 1 err))" test $rc -eq 143
done

# Once more, and it ends at once, within a step that takes seconds: nobody is left, nor the weights in memory.
run=twice-$$
twice=("${settings[@]:0:6}" --batch 24 -n 16 --max-new-tokens 60 --update '--mu 20' --encode '--epochs 500' --steps 2000)
for signal in INT TERM; do
	for delay in .3 .7; do
		rm -rf $run
		env --default-signal=INT ril-train -q --run $run "${twice[@]}" 2>err & pid=$!
		for _ in $(seq 300); do [ -s $run/rollout.jsonl ] && break; sleep .1; done
		work=$(cat $run/work)
		kill -$signal $pid; sleep $delay; kill -$signal $pid; wait $pid; rc=$?
		sleep .3
		check "SIG$signal twice: its own exit code (was $rc)" test $rc -eq $([ $signal = INT ] && echo 130 || echo 143)
		check "nothing is left of $work" test -n "$work" -a ! -e "$work"
		check "nobody works on" sh -c "! cat /proc/[0-9]*/cmdline 2>/dev/null | grep -qz '^$run'"
	done
done

# Nor does it matter when the whole group is signalled, as timeout(1) does: the step at work becomes a checkpoint.
expect_exit 124 timeout -s TERM 3 ril-train -q --run group "${settings[@]}" --steps 20000 --encode '--epochs 5000' --save-every 20000
for i in $(seq 100); do flock -n group/lock true && break; sleep .1; done # the launcher ends after timeout does
last=$(jq -r .step group/metrics.jsonl | tail -n 1)
check "a signal to the group: the last step, $last, is a checkpoint" test "${last:-0}" -ge 1 -a "$(readlink group/current)" = "step-$last"
test_end
