# loop.sh -- the training loop repeats exactly: one thread and two, resident and through files, killed and resumed; a dead
# stage and a signal end it as they should.  "The same" means the same bytes of student and discriminator.
. "${RIL_ROOT:-.}/tests/ril_test.sh"
PATH="$RIL_ROOT/scripts:$PATH"
M=$RIL_ROOT/share/models STEPS=4 BATCH=6
cd "$T" || exit 1
ril-scenes -q -o data -n $((STEPS * BATCH)) --prefix q --seed 5
ril-encode -q -m "$M/student" --batch $BATCH data/q.jsonl | ril-teach -q -m "$M/teacher-a" -m "$M/teacher-b" -n 4 \
	--tokenizer "$M/student" --image-root data --max-new-tokens 20 --save cache.jsonl -o all.ril
check "teachers answered" test -s cache.jsonl
ril-encode -q -m "$M/student" --batch $BATCH --steps 2 data/q.jsonl | ril-rollout -q -m "$M/student" -n 2 --max-new-tokens 20 |
	ril-teach -q --cache cache.jsonl -n 2 --tokenizer "$M/student" |
	ril-discriminate -q --init-from "$M/student" --update --lr 1e-3 --save disc -o /dev/null
check "the discriminator was pre-trained" test -s disc/config.json

settings=(--student "$M/student" --disc disc --data data/q.jsonl --cache cache.jsonl --steps $STEPS --batch $BATCH -n 2
	--max-new-tokens 20 --save-every 1 --keep 0 --seed 3 --update "--lr 1e-3 --beta 0.01 --mu 2")
train() { timeout 120 ril-train -q "$@"; }
# same A B: the last step's student and discriminator are equal byte for byte
same() {
	local f ok=0
	for f in student/model.safetensors disc/model.safetensors; do
		cmp -s "$1/step-$STEPS/$f" "$2/step-$STEPS/$f" || { echo "$1 and $2 differ in $f" >&2; ok=1; }
	done
	return $ok
}

check "a run with one thread" train --run one "${settings[@]}" --threads 1
check "a run with two threads" train --run two "${settings[@]}" --threads 2
check "threads do not matter" same one two
check "the student moved" test "$(cmp -s one/step-$STEPS/student/model.safetensors "$M/student/model.safetensors"; echo $?)" = 1

check "the same steps through files" timeout 200 make -s -f "$RIL_ROOT/share/ril.mk" RUN=files STUDENT="$M/student" DISC=disc DATA=data/q.jsonl \
	CACHES=cache.jsonl STEPS=$STEPS BATCH=$BATCH N=2 LENGTH=20 SEED=3 UPDATE="--lr 1e-3 --beta 0.01 --mu 2"
check "files and residents agree" same one files

# killed at random moments, all stages at once, then resumed until done
kill_tree() { pkill -KILL -s "$(ps -o sid= -p "$1" | tr -d ' ')" 2>/dev/null; pkill -KILL -f -- "--run killed|$T" 2>/dev/null; }
setsid timeout 120 "$RIL_ROOT/scripts/ril-train" -q --run killed "${settings[@]}" 2>/dev/null &
sleep "0.$((RANDOM % 9 + 1))"; kill_tree $!; wait 2>/dev/null
for attempt in 1 2 3; do
	[ -e killed/run.json ] || break
	setsid timeout 120 "$RIL_ROOT/scripts/ril-train" -q --resume killed 2>/dev/null &
	sleep "0.$((RANDOM % 9 + 3))"; kill_tree $!; wait 2>/dev/null
done
if [ -e killed/run.json ]; then check "a killed run resumes" train --resume killed; else check "a killed run starts again" train --run killed "${settings[@]}"; fi
check "killed and resumed equals uninterrupted" same one killed

# a stage dies: the launcher ends, names it, and nothing hangs
long=("${settings[@]}" --steps 400)
timeout 60 ril-train -q --run dead "${long[@]}" 2>err.txt &
for _ in $(seq 100); do [ -e dead/step-1 ] && break; sleep .1; done
pkill -KILL -f "ril-score .*--reward" ; wait $!; rc=$?
check "a dead stage ends the run with exit 1 (was $rc)" test $rc -eq 1
check "and is named" grep -q 'ril-score failed' err.txt

# a signal: a clean end after the step at work, then resume
timeout 60 ril-train -q --run stopped "${settings[@]}" &
pid=$!
for _ in $(seq 100); do [ -e stopped/step-1 ] && break; sleep .05; done
kill -INT "$(pgrep -P $pid -f ril-train | head -1 || echo $pid)" 2>/dev/null; wait $pid; rc=$?
check "SIGINT ends with 130, or the run was done (was $rc)" test $rc -eq 130 -o $rc -eq 0
check "and resumes" train --resume stopped
check "stopped and resumed equals uninterrupted" same one stopped
test_end
