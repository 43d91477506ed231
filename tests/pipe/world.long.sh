# world.long.sh -- one of several ranks is killed at a random moment, many times over: all end within ten seconds, by name, and the
# run goes on from its newest checkpoint to the bytes of one that was never stopped.
. "${RIL_ROOT:-.}/tests/ril_test.sh"
. "$RIL_ROOT/tests/mpi.sh"
cd "$T" || exit 1
M=$RIL_ROOT/share/models/student STEPS=150
needs_mpi
export RIL_WORLD_PATIENCE=6 # should one be killed before it has joined
ril-scenes -q -o . -n 24 --prefix q --seed 5 --answers sentences
head -n 12 q.jsonl >0.jsonl; tail -n 12 q.jsonl >1.jsonl
# a rank's part of a run, as a stage of a pipeline: stage RUN START; its process id in RUN.pid.RANK
cat >stage.sh <<'END'
r=${OMPI_COMM_WORLD_RANK:-$PMI_RANK}
ril-encode -q -m "$1" --with-answers --batch 4 --epochs 100 --steps "$4" --start-step "$3" --save-every 5 --shuffle --seed 3 "$((r % 2)).jsonl" |
	{ exec 3<&0; ril-update -q -m "$1" --objective sft --lr 1e-4 --steps "$4" --threads 1 --run "$2" --start-step "$3" --keep 2 <&3 & echo $! >"$2.pid.$r"; wait $!; }
END
now() { date +%s%N; }
for lib in $libs; do
	check "$lib: a run to compare with" launch "$lib" 2 sh stage.sh "$M" "whole-$lib" 0 $STEPS
	for k in $(seq 6); do
		run=$lib-$k ranks=2 start=0
		launch "$lib" $ranks sh stage.sh "$M" "$run" 0 $STEPS >out 2>err & job=$!
		for _ in $(seq 200); do [ -s "$run.pid.0" ] && [ -s "$run.pid.1" ] && break; sleep .05; done
		sleep "$((RANDOM % 2)).$((RANDOM % 10))"
		victim=$((RANDOM % ranks)) from=$(now)
		kill -KILL "$(cat "$run.pid.$victim")" 2>/dev/null && killed=1 || killed=0 # it may have been done by then
		wait $job; rc=$? took=$((($(now) - from) / 1000000))
		[ $killed = 0 ] || check "$run: rank $victim killed: exit $rc" test $rc -ne 0 -a $rc -ne 124
		check "$run: all ended in $took ms" test $took -lt 10000
		for r in 0 1; do while kill -0 "$(cat "$run.pid.$r")" 2>/dev/null && [ $((($(now) - from) / 1000000000)) -lt 10 ]; do sleep .1; done; done
		for r in 0 1; do check "$run: rank $r is gone" bash -c "! kill -0 $(cat "$run.pid.$r") 2>/dev/null"; done
		[ $killed = 0 ] || check "$run: named: $(cat err)" grep -q "rank $victim, on .*, is gone\|rank $victim.*signal 9\|Killed\|EXIT CODE: 9\|come together" err
		[ ! -e "$run/current" ] || start=$(readlink "$run/current")
		[ "$start" = step-$STEPS ] || check "$run: goes on from $start" launch "$lib" $ranks sh stage.sh "$M" "$run" "${start#step-}" $STEPS
		check "$run: to the same bytes" cmp "$run/step-$STEPS/student/model.safetensors" "whole-$lib/step-$STEPS/student/model.safetensors"
	done
done
test_end
