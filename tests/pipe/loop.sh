# loop.sh -- the training loop repeats exactly: one thread and two, resident and through files, killed and resumed; a dead
# stage and a signal end it as they should.  "The same" means the same bytes of student and discriminator.
. "${RIL_ROOT:-.}/tests/ril_test.sh"
. "$RIL_ROOT/tests/imitation_run.sh"
PATH="$RIL_ROOT/scripts:$PATH"
M=$RIL_ROOT/share/models STEPS=4 BATCH=6
cd "$T" || exit 1
prepare_imitation $BATCH
check "teachers answered" test -s cache.jsonl
check "the discriminator was pre-trained" test -s disc/config.json

settings=(--student "$M/student" --disc disc --data data/q.jsonl --cache cache.jsonl --steps $STEPS --batch $BATCH -n 2
	--max-new-tokens 20 --save-every 1 --keep 0 --seed 3 --update "--lr 1e-3 --beta 0.01 --mu 2")
train() { timeout 120 ril-train -q "$@"; }

check "a run with one thread" train --run one "${settings[@]}" --threads 1
check "a run with two threads" train --run two "${settings[@]}" --threads 2
check "threads do not matter" same $STEPS one two
check "the student moved" test "$(cmp -s one/step-$STEPS/student/model.safetensors "$M/student/model.safetensors"; echo $?)" = 1

check "the same steps through files" timeout 200 make -s -f "$RIL_ROOT/share/ril.mk" RUN=files STUDENT="$M/student" DISC=disc DATA=data/q.jsonl \
	CACHES=cache.jsonl STEPS=$STEPS BATCH=$BATCH N=2 LENGTH=20 SEED=3 UPDATE="--lr 1e-3 --beta 0.01 --mu 2"
check "files and residents agree" same $STEPS one files

# started MARK COMMAND...: runs it with a mark that all its descendants carry in their environment.
started() { local mark=$1; shift; RIL_TEST_MARK=$T/$mark exec "$@"; }
# running MARK [NAME]: the processes that carry the mark, and were started under that name.
running() {
	local p name
	grep -lazx "RIL_TEST_MARK=$T/$1" /proc/[0-9]*/environ 2>/dev/null | while IFS=/ read -r _ _ p _; do
		IFS= read -r -d '' name 2>/dev/null <"/proc/$p/cmdline"
		if [ $# -eq 1 ] || [ "${name##*/}" = "$2" ]; then echo "$p"; fi
	done
}
# shellcheck disable=SC2046  # process ids are split on purpose
kill_all() { kill -KILL $(running "$1") 2>/dev/null; wait 2>/dev/null; }
# wait_for PATH: half a minute at most
wait_for() { for _ in $(seq 600); do [ -e "$1" ] && return; sleep .05; done; }

# killed at random moments, all stages and the launcher at once, then resumed until done
started killed ril-train -q --run killed "${settings[@]}" 2>/dev/null &
sleep "0.$((RANDOM % 9 + 1))"; kill_all killed
for attempt in 1 2 3; do
	[ -e killed/run.json ] || break
	started killed ril-train -q --resume killed 2>/dev/null &
	sleep "0.$((RANDOM % 9 + 3))"; kill_all killed
done
if [ -e killed/run.json ]; then check "a killed run resumes" train --resume killed; else check "a killed run starts again" train --run killed "${settings[@]}"; fi
check "killed and resumed equals uninterrupted" same $STEPS one killed

# a stage dies: the launcher ends, names it, and nothing hangs
for stage in encode rollout teach discriminate score update; do
	started "dead-$stage" timeout 60 ril-train -q --run "dead-$stage" "${settings[@]}" --steps 400 2>err.txt &
	pid=$!; wait_for "dead-$stage/step-1"
	began=$SECONDS; kill -KILL $(running "dead-$stage" "ril-$stage"); wait $pid; rc=$?
	check "ril-$stage dies: the run ends with exit 1 (was $rc)" test $rc -eq 1
	check "ril-$stage dies: it is named, not: $(head -n 1 err.txt)" grep -q "ril-$stage was killed by signal 9" err.txt
	check "ril-$stage dies: at once ($((SECONDS - began)) s)" test $((SECONDS - began)) -le 10
	check "ril-$stage dies: nothing goes on" test -z "$(running "dead-$stage")"
	rm -rf "dead-$stage"
done

# a signal: a clean end after the step at work, then resume (SIGTERM, as background jobs may be deaf to SIGINT)
started stopped ril-train -q --run stopped "${settings[@]}" --steps 400 2>err.txt &
pid=$!; wait_for stopped/step-1
kill -TERM $pid; wait $pid; rc=$?
check "SIGTERM ends with 143 (was $rc): $(head -n 1 err.txt)" test $rc -eq 143
last=$(readlink stopped/current)
check "the step at work is a checkpoint: $last" test -s "stopped/$last/student/model.safetensors" -a -z "$(ls -d stopped/*.tmp 2>/dev/null)"
if [ "${last#step-}" -lt $STEPS ]; then
	jq --arg s $STEPS '.settings.steps = $s' stopped/run.json >run.json && mv run.json stopped/run.json
	check "and resumes" train --resume stopped
fi
check "stopped and resumed equals uninterrupted" same $STEPS one stopped
test_end
