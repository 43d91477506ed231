# ranks.long.sh -- ril-train on two ranks, discriminator and student, of which a stage, a rank's shell, a launcher or ril-train itself is
# killed at twenty random moments: every process is gone within ten seconds, the exit code is not 0, and the run goes on to the bytes of one
# that was never stopped.
. "${RIL_ROOT:-.}/tests/ril_test.sh"
. "$RIL_ROOT/tests/mpi.sh"
. "$RIL_ROOT/tests/ranks.sh"
cd "$T" || exit 1
STEPS=40
needs_mpi
check "questions, answers, a discriminator" prepare_runs
settings+=(--steps $STEPS --encode '--epochs 20' --save-every 4 --record)
victims=('^ril-encode ' '^ril-rollout ' '^ril-teach ' '^ril-discriminate ' '^ril-score ' '^ril-update ' 'rank.sh .* front' 'rank.sh .* back' 'mpirun.* front' 'mpirun.* back' 'bash .*/ril-train ')
# of_rank R: which of the processes on stdin are its, all where they are no rank's
of_rank() {
	local p it
	while read -r p; do
		it=$(tr '\0' '\n' <"/proc/$p/environ" 2>/dev/null | sed -n 's/^\(OMPI_COMM_WORLD_RANK\|PMI_RANK\)=//p' | head -n 1)
		[ "${it:-$1}" != "$1" ] || echo "$p"
	done
}
# shellcheck disable=SC2046  # options
for by in $libs; do
	check "a run to compare with ($by)" train --run "whole.$by" "${settings[@]}" $(on "$by" 2)
	took=$(jq -s '(last.time - first.time) * 10 | ceil' "whole.$by/metrics.jsonl") # tenths of a second
	for k in $(seq 10); do
		run=$by.$k who=${victims[$((RANDOM % ${#victims[@]}))]} r=$((RANDOM % 2))
		RIL_TEST_MARK=$T/$run ril-train -q --run "$run" "${settings[@]}" $(on "$by" 2) 2>err & pid=$!
		began "$run/run.json"
		wait=$((RANDOM % (took + 20))) # from the start on, so that some have yet to join
		sleep $((wait / 10)).$((wait % 10))
		what="$run: after $wait tenths, rank $r, $who"
		victim=$(running "$run" "$who" | of_rank $r | eldest) from=$SECONDS
		if [ -n "$victim" ] && kill -KILL "$victim" 2>/dev/null; then
			wait $pid; rc=$?
			if [ $rc -ne 0 ] || [ "$(readlink "$run/current")" != step-$STEPS ]; then check "$what: exit $rc" test $rc -ne 0; fi # the last step may have been done
		else wait $pid; fi
		check "$what: all are gone within ten seconds" gone_by "$run" $((10 - (SECONDS - from)))
		[ -z "$victim" ] || check "$what: in $((SECONDS - from)) s" test $((SECONDS - from)) -le 10
		check "$what: goes on from $(readlink "$run/current")" train --resume "$run"
		check "$what: to the same bytes" same $STEPS "whole.$by" "$run"
		check "$what: and the same metrics" cmp <(jq -c '[.step, .loss, .grad_norm]' "whole.$by/metrics.jsonl") <(jq -c '[.step, .loss, .grad_norm]' "$run/metrics.jsonl")
		rm -rf "$run"
	done
done
test_end
