# slurm.long.sh -- the files of share/slurm under a real Slurm: an array's shards of answers and verdicts, joined, equal the undivided
# pipeline's; a task that failed alone is run again; what a batch script's environment says of shards, and a step's.
. "${RIL_ROOT:-.}/tests/ril_test.sh"
. "$RIL_ROOT/tests/slurm_rig.sh"
set -u
PATH="$RIL_ROOT/scripts:$PATH"
cd "$T" || exit 1
if ! slurm_start >why; then skip_all "no Slurm: $(cat why)"; fi
M=$RIL_ROOT/share/models D=$RIL_ROOT/share/slurm
ril-scenes -q -o data -n 20 --prefix q --seed 6
export STUDENT=$M/student DATA=$T/data/q.jsonl LENGTH=12
submit() { sbatch --parsable "$@" | cut -d ';' -f 1; }
logs() { ls -t slurm-*.out 2>/dev/null | head -n 1 | xargs -r tail -n 5; } # of the job that wrote last

# ---- a model's answers and verdicts ----
export OUT=$T/eval
job=$(submit --array=0-2 "$D/array.sbatch" evaluate)
then=$(submit --dependency="afterok:$job" "$D/join.sbatch")
check "an array of three, and what depends on it: $(slurm_wait "$job"; logs)" slurm_wait "$then"
ril-encode -q -m "$M/student" --image-root data data/q.jsonl | ril-rollout -q -m "$M/student" -n 1 --greedy --max-new-tokens 12 | ril-score -q -o whole.ril
ril-score -q --report json whole.ril >whole.json
check "its report is that of the undivided pipeline" cmp whole.json eval/report.json
check "and so are its answers" cmp <(ril-inspect --field resp.ids whole.ril) <(ril-inspect --field resp.ids eval/all.ril)
check "three shards" test "$(cat eval/shards) $(ls eval/shard-*.ril | wc -l)" = "3 3"

# ---- one task fails, and it alone is run again ----
export OUT=$T/again
mkdir fake; printf '#!/bin/sh\n[ "$SLURM_ARRAY_TASK_ID" != 1 ] || [ ! -e "%s/fail" ] || exit 1\nexec "%s/ril-score" "$@"\n' "$T" "$RIL_BIN" >fake/ril-score
chmod +x fake/ril-score; touch fail
job=$(PATH="$T/fake:$PATH" submit --array=0-2 "$D/array.sbatch" evaluate)
then=$(submit --dependency="afterok:$job" "$D/join.sbatch")
check "a task that fails fails its job" bash -c "$(declare -f slurm_wait); ! slurm_wait $job"
check "and the join does not begin" test "$(scontrol show job "$then" | grep -o 'JobState=[A-Z]*') $(ls again | tr '\n' ' ')" = "JobState=PENDING shard-0.ril shard-2.ril shards "
scancel "$then"; rm fail
stat -c '%n %i %Y' again/shard-[02].ril >before
job=$(PATH="$T/fake:$PATH" submit --array=1 "$D/array.sbatch" evaluate)
then=$(submit --dependency="afterok:$job" "$D/join.sbatch")
check "that task again, then all joined: $(slurm_wait "$then"; logs)" cmp whole.json again/report.json
check "the others were not made anew" cmp before <(stat -c '%n %i %Y' again/shard-[02].ril)
job=$(OUT=$T/other submit --array=1-2 "$D/array.sbatch" evaluate)
check "a first array with a gap is refused" bash -c "$(declare -f slurm_wait); ! slurm_wait $job && grep -q 'from 0 without a gap' slurm-${job}_1.out"

# ---- teachers ----
export OUT=$T/taught TEACHERS="$M/teacher-a $M/teacher-b" N=4
job=$(submit --array=0-4 --gpus-per-task=0 "$D/array.sbatch" teach)
then=$(submit --dependency="afterok:$job" "$D/join.sbatch")
check "teachers: $(slurm_wait "$then"; logs)" test -s taught/cache.jsonl
ril-encode -q -m "$M/student" --image-root data data/q.jsonl | ril-teach -q -m "$M/teacher-a" -m "$M/teacher-b" -n 4 --max-new-tokens 12 \
	--tokenizer "$M/student" --image-root data --save taught.jsonl -o /dev/null
check "the answers are those of one process" cmp <(jq -cS . taught.jsonl | sort) <(jq -cS . taught/cache.jsonl | sort)

# ---- training together ----
# train RANKS DIR OBJECTIVE [VARIABLE=...]: a job of so many tasks, which mpirun starts unless LAUNCHER says otherwise
if ril-update --list-options | grep -q '^--world' && command -v mpirun >/dev/null; then
	ril-scenes -q -o data -n 24 --prefix s --seed 3 --answers sentences
	head -n 12 data/q.jsonl >some.jsonl
	ril-encode -q -m "$M/student" --image-root data --batch 6 some.jsonl | ril-rollout -q -m "$M/student" -n 2 --max-new-tokens 12 |
		ril-teach -q --cache taught/cache.jsonl -n 2 --tokenizer "$M/student" | ril-discriminate -q --init-from "$M/student" --update --lr 1e-3 --save disc -o /dev/null
	train() {
		local ranks=$1 dir=$2 objective=$3 job more=--oversubscribe; shift 3
		case "$* ${LAUNCHER-}" in *LAUNCHER=srun*) more= ;; esac
		mpirun --version | grep -q 'Open MPI\|OpenRTE' || more=
		job=$(env OMPI_ALLOW_RUN_AS_ROOT=1 OMPI_ALLOW_RUN_AS_ROOT_CONFIRM=1 LAUNCHER=mpirun LAUNCH="$more" "$@" RUN="$T/$dir" \
			OBJECTIVE="$objective" sbatch --parsable --ntasks-per-node="$ranks" --gpus-per-task=0 --cpus-per-task=1 --mem=1G "$D/train.sbatch")
		slurm_wait "$job" || { cat "slurm-$job.out"; return 1; }
	}
	learnt() { jq -c '[.step, .groups, (.loss * 1e4 | round), (.grad_norm * 1e4 | round)]' "$1/metrics.jsonl"; }
	export BATCH=6 N=2 LENGTH=8 SAVE_EVERY=2 UPDATE="--lr 1e-3" ROLLOUT=--batch-invariant
	ril=(ril DATA=data/q.jsonl STEPS=4 LENGTH=12 CACHE=taught/cache.jsonl DISC=disc DISCRIMINATE="--lr 1e-4 --eps 1e-5" UPDATE="--lr 1e-4 --eps 1e-5")
	for ranks in 1 3; do
		check "fine-tuning, $ranks" train $ranks sft.$ranks sft DATA=data/s.jsonl STEPS=4
		check "with teachers' answers and a discriminator, $ranks" train $ranks taught.$ranks "${ril[@]}" EVAL=data/q.jsonl
		check "GRPO with its own answers, $ranks" train $ranks grpo.$ranks dr-grpo DATA=data/q.jsonl STEPS=4
	done
	for o in sft grpo taught; do
		check "$o: four steps" test "$(jq -s length $o.1/metrics.jsonl)" = 4
		check "$o: three ranks learn what one does" cmp <(learnt $o.1) <(learnt $o.3)
	done
	check "the discriminator learns, too" test "$(jq -s length taught.3/disc.jsonl)" = 4 -a -s taught.3/step-4/disc/model.safetensors
	check "evaluated beside it" test "$(jq -r .step taught.3/eval.jsonl | tr '\n' ' ')" = "0 2 4 "
	check "fine-tuning of fewer steps" train 3 parts sft DATA=data/s.jsonl STEPS=2
	check "and the others, by the same line" train 3 parts sft DATA=data/s.jsonl STEPS=4
	check "are the same run" cmp sft.3/step-4/student/model.safetensors parts/step-4/student/model.safetensors
	check "once more there is nothing to do" train 3 parts sft DATA=data/s.jsonl STEPS=4
	rm -rf taught.3/step-4; ln -sfn step-2 taught.3/current
	check "the loop goes on by the same line, on two tasks" train 2 taught.3 "${ril[@]}" EVAL=data/q.jsonl
	check "to the same" cmp <(learnt taught.1) <(learnt taught.3)
	train 2 lost sft DATA=data/s.jsonl STEPS=1 STUDENT=nowhere >said
	check "a student that is not there fails the job: $(cat said)" grep -q nowhere said
	if srun --mpi=list 2>&1 | grep -qw pmix && mpirun --version | grep -q 'Open MPI'; then
		check "processes that srun starts" train 3 srun sft DATA=data/s.jsonl STEPS=4 LAUNCHER=srun LAUNCH=
		check "learn the same" cmp <(learnt sft.1) <(learnt srun)
		check "and the loop's, discriminator and all" train 3 srun.ril "${ril[@]}" LAUNCHER=srun LAUNCH=
		check "learn the same" cmp <(learnt taught.1) <(learnt srun.ril)
		train 3 srun.bad "${ril[@]}" LAUNCHER=srun LAUNCH= UPDATE=--nonsense >said
		check "a rank that fails fails the job, by name: $(cat said)" grep -q 'rank [0-2], on .*: ril-update failed (exit 2)' said
		slow=$(env "${ril[@]:1}" OBJECTIVE=ril RUN="$T/stopped" STEPS=4000 ENCODE="--epochs 2000" LAUNCHER=srun LAUNCH= sbatch --parsable --ntasks-per-node=2 --gpus-per-task=0 --cpus-per-task=1 --mem=1G "$D/train.sbatch")
		for _ in $(seq 300); do [ ! -e stopped/step-2 ] || break; sleep .2; done
		scancel --batch --signal=TERM "$slow" # what --signal does
		check "TERM ends a job badly, as Slurm says" bash -c "$(declare -f slurm_wait); ! slurm_wait $slow"
		last=$(readlink stopped/current) last=${last#step-}
		check "with a checkpoint of its last step, $last: $(tail -n 3 "slurm-$slow.out")" test "$last" = "$(tail -n 1 stopped/metrics.jsonl | jq .step)"
	else skip "no srun --mpi=pmix"; fi
else skip "no ranks to train with"; fi

# ---- what a step says, and a batch script does not ----
cat >step.sbatch <<'S'
#!/bin/bash
ril-encode -q -m "$STUDENT" --shard env -o alone.ril "$DATA"; echo "the script: $?"
srun -n 3 bash -c 'ril-encode -q -m "$STUDENT" --shard env -o step.$SLURM_PROCID.ril "$DATA"' && ril-join -q -o step.ril step.?.ril
S
job=$(submit -n 3 step.sbatch)
check "a step of three ranks, each its shard: $(slurm_wait "$job"; logs)" ril-inspect --diff step.ril <(ril-encode -q -m "$M/student" data/q.jsonl)
check "outside of a step nobody says which" grep -q 'the script: 2' "slurm-$job.out"
test_end
