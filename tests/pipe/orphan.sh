# orphan.sh -- the launcher is killed outright: its stages notice, finish the step at work with a checkpoint, say why, and
# end; and the run goes on from there to the same bytes.  Pipelines without a launcher outlive their shell.
. "${RIL_ROOT:-.}/tests/ril_test.sh"
PATH="$RIL_ROOT/scripts:$PATH"
cd "$T" || exit 1
M=$RIL_ROOT/share/models/student STEPS=6
ril-scenes -q -o data -n 24 --prefix q --seed 5
settings=(--student "$M" --objective dr-grpo --data data/q.jsonl --batch 6 -n 2 --max-new-tokens 20 --seed 3
	--save-every 2 --keep 0 --update '--lr 1e-3' --encode '--epochs 500')
check "a run to compare with" timeout 120 ril-train -q --run whole "${settings[@]}" --steps $STEPS

# running MARK: the tools that carry the mark in their environment
running() { grep -lazx "RIL_TEST_MARK=$T/$1" /proc/[0-9]*/environ 2>/dev/null | sed 's,/proc/\([0-9]*\)/.*,\1,'; }
wait_for() { for _ in $(seq 600); do [ -e "$1" ] && return; sleep .05; done; return 1; }
for delay in 0 ".$((RANDOM % 9 + 1))"; do
	run=run$delay
	RIL_TEST_MARK=$T/$run ril-train -q --run "$run" "${settings[@]}" --steps 2000 2>/dev/null & pid=$!
	wait_for "$run/step-2"; sleep "$delay"
	kill -KILL $pid; wait $pid 2>/dev/null
	for _ in $(seq 200); do [ -z "$(running "$run")" ] && break; sleep .1; done
	check "after $delay s: every stage is gone" test -z "$(running "$run")"
	last=$(readlink "$run/current") last=${last#step-}
	check "the last step is published: $last" test -s "$run/step-$last/student/model.safetensors" -a -s "$run/step-$last/state.safetensors"
	check "nothing is half done" test -z "$(ls -d "$run"/*.tmp 2>/dev/null)"
	check "as many steps as were trained" test "$last" = "$(tail -n 1 "$run/metrics.jsonl" | jq .step)"
	for s in rollout score update; do
		check "ril-$s says why: $(tail -n 1 "$run/log/$s.log")" grep -q "launcher is gone" "$run/log/$s.log"
	done
	# goes on to where the whole run ended, or the whole run goes on to here
	if [ "$last" -lt $STEPS ]; then to=$STEPS; else to=$last; fi
	for r in "$run" whole; do
		jq --arg s "$to" '.settings.steps = $s' "$r/run.json" >r.json && mv r.json "$r/run.json"
		check "$r goes on to step $to" timeout 120 ril-train -q --resume "$r"
	done
	check "the same bytes" cmp "$run/step-$to/student/model.safetensors" "whole/step-$to/student/model.safetensors"
done

# Nobody is watched without RIL_LAUNCHER; a process that is gone already, or that is not a number, is no crash.
bash -c 'setsid sh -c "sleep .3; ril-encode -q -m $0 --image-root data data/q.jsonl | ril-inspect --check >free.txt" & exit' "$M"
for _ in $(seq 100); do [ -s free.txt ] && break; sleep .1; done
check "a pipeline outlives its shell" grep -q ok free.txt
sh -c 'exit' & gone=$!; wait $gone
RIL_LAUNCHER=$gone expect_exit 1 ril-encode -q -m "$M" --image-root data --batch 2 -o x.ril data/q.jsonl
check "a launcher gone: named" grep -q "launcher is gone" err
RIL_LAUNCHER=none expect_exit 0 ril-encode -q -m "$M" --image-root data --batch 2 -o x.ril data/q.jsonl
test_end
