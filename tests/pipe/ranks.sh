# ranks.sh -- ril-train on several ranks, student and discriminator: one rank is a run without a launcher, to the byte; several learn the
# same; runs stop, are killed and go on, also on another number of ranks; what ends a rank ends all, by name.
. "${RIL_ROOT:-.}/tests/ril_test.sh"
. "$RIL_ROOT/tests/mpi.sh"
. "$RIL_ROOT/tests/ranks.sh"
. "$RIL_ROOT/tests/endpoint.sh"
cd "$T" || exit 1
needs_mpi
check "questions, answers, a discriminator" prepare_runs

# ---- the same run ----
# shellcheck disable=SC2046  # options, all through
{
	check "alone" train --run alone "${settings[@]}" --steps $STEPS --eval data/q.jsonl --eval-every 2
	for by in $libs; do
		check "one rank ($by)" train --run "$by.1" "${settings[@]}" --steps $STEPS $(on "$by" 1)
		check "is a run without a launcher ($by)" same $STEPS alone "$by.1"
		check "and says the same ($by)" alike alone "$by.1" 0
		for n in 2 4; do
			check "$n ranks ($by)" train --run "$by.$n" "${settings[@]}" --steps $STEPS $(on "$by" $n) --eval data/q.jsonl --eval-every 2
			check "learn the same ($by, $n)" alike alone "$by.$n" 1e-3
		done
		check "repeats ($by)" train --run "$by.again" "${settings[@]}" --steps $STEPS $(on "$by" 2)
		check "to the byte ($by)" same $STEPS "$by.2" "$by.again"
		check "the same bytes of all libraries" same $STEPS "$lib.2" "$by.2"
	done
	two=$lib.2
	check "evaluated beside it" test "$(jq -r .step "$two/eval.jsonl" | tr '\n' ' ')" = "0 2 4 "
	check "rank 1's share in its own folder" test "$(jq -s 'map(.questions // .groups) | length' "$two/rank-1/encode.jsonl")" = $STEPS -a -s "$two/rank-1/log/rollout.log" -a ! -e "$two/rank-1/metrics.jsonl"
	check "run.json has the launcher's command lines, and the stages'" jq -e '.starts[0].stages | (.front | contains("rank.sh")) and (.back | contains("mpirun")) and (.encode | contains("--shard"))' "$two/run.json" >/dev/null
	[ "$lib" != openmpi ] || check "two launches at once, each with its own place for Open MPI's files" jq -e '.starts[0].stages | [.front, .back | capture("tmpdir_base.? .?(?<at>[^ \u0027]*)").at] | .[0] != .[1] and (.[0] | endswith("/front")) and (.[1] | endswith("/back"))' "$two/run.json" >/dev/null
	check "and the ranks are settings" test "$(ril-train --settings "$two" | grep -c '^launcher mpirun$\|^ranks 2$')" = 2
	mkdir tmp
	check "in a folder of its own for what is temporary" env TMPDIR="$T/tmp" timeout 60 ril-train -q --run small "${settings[@]}" --steps 1 $(on "$lib" 2)
	check "of which nothing is left: $(ls tmp)" test -z "$(ls -d tmp/ril-train.* 2>/dev/null)"
	expect_exit 0 timeout 60 ril-train --run grpo "${settings[@]}" --objective dr-grpo --steps 2 $(on "$lib" 2) --record
	check "GRPO, in one launch: its progress is rank 0's, once: $(cat err)" test "$(grep -c 'ril-update: step 2:' err) $(grep -c 'done: grpo/current' err)" = "1 1"
	check "each rank's groups are kept" test -s grpo/record/step-2.0.ril -a -s grpo/record/step-2.1.ril

	# ---- teachers behind servers ----
	if can_ask; then
		start_server "$T/server"
		local_answers() { cat ask/answers.jsonl ask/rank-1/answers.jsonl | sort -u | wc -l; }
		ask=("${settings[@]}"); for k in "${!ask[@]}"; do if [ "${ask[k]}" = --cache ]; then unset "ask[k]" "ask[k+1]"; fi; done
		check "two ranks ask" train --run ask "${ask[@]}" --steps $STEPS --endpoint "http://127.0.0.1:$port/ok/v1 one" $(on "$lib" 2)
		n=$(local_answers) asked=$(wc -l <server/log)
		check "each keeps its share of $n answers" test "$(wc -l <ask/answers.jsonl)" -lt "$n" -a "$(wc -l <ask/rank-1/answers.jsonl)" -lt "$n"
		rm -rf ask/step-[34]
		check "three go on" train --resume ask --ranks 3
		check "and ask nothing again" test "$(local_answers) $(wc -l <server/log)" = "$n $asked"
		stop_servers
	else skip "no python3, or no libcurl"; fi

	# ---- a word to end: the step at work, which all agree on ----
	for by in $libs; do
		RIL_TEST_MARK=$T/$by.stopped train --run "$by.stopped" "${settings[@]}" --steps 400 --encode '--epochs 200' $(on "$by" 2) 2>err & pid=$!
		began "$by.stopped/step-1"
		kill -TERM "$(running "$by.stopped" "bash .*/ril-train " | eldest)"; wait $pid; rc=$?
		last=$(readlink "$by.stopped/current") last=${last#step-}
		check "SIGTERM ends with 143 (was $rc, $by): $(head -n 3 err)" test $rc -eq 143
		check "the last step is a checkpoint ($by): $last" test "$last" = "$(tail -n 1 "$by.stopped/metrics.jsonl" | jq .step)" -a -s "$by.stopped/step-$last/disc/model.safetensors"
		check "nobody is left ($by)" gone_by "$by.stopped" 5
	done
	stop_at=$((last + 1))
	jq --arg s $stop_at '.settings.steps = $s' "$by.stopped/run.json" >r.json && mv r.json "$by.stopped/run.json"
	check "goes on" train --resume "$by.stopped"
	check "a run to compare with" train --run whole "${settings[@]}" --steps $stop_at --encode '--epochs 200' $(on "$by" 2)
	check "to the same bytes" same $stop_at "$by.stopped" whole

	# ---- on another number of ranks ----
	for ranks in 1 3; do
		cp -r "$two" from && rm -rf from/step-3 from/step-4
		check "two ranks' run on $ranks" train --resume from --ranks $ranks
		check "learns the same ($ranks)" alike alone from 1e-3
		check "and says on how many ($ranks)" test "$(ril-train --settings from | grep '^ranks')" = "ranks $ranks"
		rm -rf from
	done
	cp -r "$two" from && rm -rf from/step-4
	check "and without a launcher" train --resume from --launcher none
	check "learns the same" alike alone from 1e-3

	# ---- what ends a rank ends all, by name ----
	i=0
	for who in rank-1:ril-rollout rank-1:ril-update rank-0:ril-discriminate rank-1:ril-score; do
		i=$((i + 1)) r=${who%%:*} tool=${who#*:} r=${r#rank-}
		[ $((i % 2)) = 0 ] && by=${libs##*[[:space:]]} || by=$lib
		RIL_TEST_MARK=$T/dead.$i train --run dead.$i "${settings[@]}" --steps 400 --encode '--epochs 200' $(on "$by" 2) 2>err & pid=$!
		began dead.$i/step-1
		for p in $(running dead.$i "^$tool "); do # the rank is in its environment
			tr '\0' '\n' <"/proc/$p/environ" 2>/dev/null | grep -q "^\(OMPI_COMM_WORLD_RANK\|PMI_RANK\)=$r$" && kill -KILL "$p"
		done
		from=$SECONDS; wait $pid; rc=$?
		check "rank $r's $tool is killed ($by): exit 1, not $rc, in $((SECONDS - from)) s" test $rc -eq 1 -a $((SECONDS - from)) -le 10
		check "rank $r's $tool is named ($by): $(cat err)" grep -q "rank $r, on [^ ]*: $tool was killed by signal 9" err
		check "nobody is left ($by)" gone_by dead.$i 10
	done
	printf '{"id":"q/x","image":"no.png","question":"what?","answer":"a","judge":"contains"}\n' >bad.jsonl
	head -n 23 data/q.jsonl >>bad.jsonl; cp -r data/* .
	for by in $libs; do
		expect_exit 1 train --run "bad.$by" "${settings[@]}" --data bad.jsonl --image-root . --steps 4 $(on "$by" 2)
		check "a picture that is not there ($by): $(cat err)" grep -q 'rank 0, on [^ ]*: ril-encode failed (exit 1)' err
		check "and its name ($by)" grep -q 'no.png' err
		expect_exit 2 train --run "usage.$by" "${settings[@]}" --steps 4 --update --nonsense $(on "$by" 2)
		check "a wrong option ($by): $(cat err)" grep -q 'ril-update failed (exit 2)' err
	done
	expect_exit 1 train --run gone "${settings[@]}" --steps 4 --launcher mpirun --mpirun "$(mpirun_of "$lib")" --ranks 2 --launch --nonsense
	check "a launcher that fails: $(cat err)" grep -q 'mpirun failed (exit .*gone/log/' err
}

# ---- refusals ----
refuse() { local code=$1 text=$2; shift 2; expect_exit "$code" ril-train --run no "${settings[@]}" "$@"; check "'$text' in: $(head -n 1 err)" grep -q -- "$text" err; }
refuse 2 '--ranks needs --launcher' --ranks 2
refuse 2 "'0' is not a positive" --launcher mpirun --ranks 0
refuse 2 '--ranks is needed' --launcher mpirun
refuse 2 'not one of none mpirun srun ssh' --launcher lamboot --ranks 2
refuse 2 'needs an allocation' --launcher srun --ranks 2
refuse 2 'go with --launcher ssh' --launcher mpirun --ranks 2 --hosts a,b
refuse 2 'needs --hosts' --launcher ssh --ranks 2
refuse 2 "'a:x' is not a host" --launcher ssh --hosts a:x
refuse 2 '5 do not fit the 4 slots' --launcher ssh --hosts a:2,b:2 --ranks 5
refuse 1 'nowhere is not there' --launcher mpirun --mpirun nowhere --ranks 2
refuse 1 'true is not there, or neither' --launcher mpirun --mpirun true --ranks 2
check "no run was made" test ! -e no
test_end
