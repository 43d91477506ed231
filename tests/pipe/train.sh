# train.sh -- the edge back without the launcher: the resident loop of ril-rollout and ril-update gives the bytes of the
# same steps through files, with one thread and two, with the vision part trained and with stochastic rounding, and
# across a resume; a dead neighbour ends both.
. "${RIL_ROOT:-.}/tests/ril_test.sh"
. "$RIL_ROOT/tests/train_model.sh"
cd "$T" || exit 1
check "a student was made" small_student .
STEPS=4
# Arguments, not functions: a function in a pipeline is a shell that keeps the pipe open after its tool has ended the stream.
plain() {
	encode=(ril-encode -q -m S --batch 6 --steps $STEPS --seed 3 --save-every 1)
	rollout=(ril-rollout -q -n 4 --max-new-tokens 16 --seed 3)
	update=(ril-update -q -m S --objective dr-grpo --beta 0.02 --lr 2e-3 --mu 2 --schedule linear --steps $STEPS --seed 3 --keep 0)
}
# resident RUN START COUNT THREADS
resident() {
	rm -f edge; mkfifo edge
	"${encode[@]}" --start-step "$2" --count "$3" q.jsonl | "${rollout[@]}" -m S --edge edge --start-step "$2" --threads "$4" |
		ril-score -q --judge contains | "${update[@]}" --run "$1" --start-step "$2" --edge edge --versions "$1.versions" --threads "$4"
	[ "${PIPESTATUS[*]}" = '0 0 0 0' ]
}
files() {
	local t p student
	for t in $(seq $STEPS); do
		p=$((t - 1)) student=$1/step-$p/student
		[ $p -gt 0 ] || student=S
		"${encode[@]}" --start-step $p --count 1 -o e.ril q.jsonl && "${rollout[@]}" -m "$student" --start-step $p -i e.ril -o r.ril &&
			ril-score -q --judge contains -i r.ril -o s.ril && "${update[@]}" --run "$1" --start-step $p -i s.ril || return 1
	done
}
same() { cmp "$1/step-$STEPS/student/model.safetensors" "$2/step-$STEPS/student/model.safetensors"; }

plain
check "resident, one thread" resident one 0 0 1
check "resident, two threads" resident two 0 0 2
check "threads do not matter" same one two
check "through files" files files
check "residents and files agree" same one files
check "two steps" resident half 0 2 2
check "resumed" resident half 2 0 1
check "resumed equals uninterrupted" same one half
check "no version is left" test -z "$(ls one.versions)"
check "the student moved" test "$(cmp -s one/step-4/student/model.safetensors S/model.safetensors; echo $?)" = 1
encode+=(--with-pixels) rollout+=(--from-pixels) update+=(--train llm,projector,vision)
check "vision trained" resident vision 0 0 2
check "and so did its eyes" test "$(cmp -s vision/step-4/student/model.safetensors one/step-4/student/model.safetensors; echo $?)" = 1
check "vision trained, through files" files vision-files
check "they agree" same vision vision-files

# a dead neighbour: both ends say so and nobody hangs
plain
rm -f edge; mkfifo edge
"${encode[@]}" q.jsonl | timeout 20 ril-rollout -q -m S -n 2 --max-new-tokens 8 --edge edge >r.ril 2>err & pid=$!
(exec 3>edge; echo "0 S" >&3; sleep .3)
wait $pid; check "ril-rollout ends when ril-update does" grep -q 'ril-update is gone' err
rm -f edge; mkfifo edge
expect_exit 1 timeout 20 ril-update -q -m S --edge edge --versions v < <(true)
check "ril-update ends when its input does" grep -q 'is gone' err
# SIGINT: the batch at work is finished, the stream is whole
ril-encode -q -m S --batch 6 --steps 4000 --epochs 0 q.jsonl 2>/dev/null | (ril-rollout -q -m S -n 4 --max-new-tokens 16 -o int.ril 2>int.err & pid=$!
	sleep .7; kill -INT $pid; wait $pid; echo $? >rc)
check "a signal ends with 130" test "$(cat rc)" = 130
check "the stream is whole" ril-inspect -q --check int.ril >check.out
check "its last barrier asks for a checkpoint" bash -c 'ril-inspect -n 0 int.ril | grep -- "-- step" | tail -n 1 | grep -q checkpoint'
test_end
