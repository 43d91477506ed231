# world_disc.sh -- ril-discriminate on several ranks (MPI): 1, 2 and 4 learn the same from the same batch and judge it alike; with
# replayed groups a run goes on to the byte, and on another number of ranks; D and the student of one run on ranks of their own.
. "${RIL_ROOT:-.}/tests/ril_test.sh"
. "$RIL_ROOT/tests/mpi.sh"
. "$RIL_ROOT/tests/train_model.sh"
cd "$T" || exit 1
needs_mpi
check "a student was made" small_student .
STEPS=4
# steps FILE QUESTIONS BATCH START COUNT: a shard of a run's stream
steps() {
	ril-encode -q -m S --batch "$3" --steps $STEPS --seed 3 --save-every 1 --start-step "$4" --count "$5" "$2" |
		ril-rollout -q -m S -n 3 --max-new-tokens 16 --seed 3 --start-step "$4" |
		ril-teach -q --tokenizer S --cache cache.jsonl -n 2 --allow-missing --seed 3 >"$1"
}
# shards N FIRST...: of one batch of eight questions
shards() {
	local n=$1 r=0 from=1 k
	shift
	for k; do
		sed -n "$from,$((from + k - 1))p" q.jsonl >part.jsonl
		steps "one-$n.$r" part.jsonl "$k" 0 1
		r=$((r + 1)) from=$((from + k))
	done
}
shards 1 8; shards 2 3 5; shards 4 1 3 2 2
disc() { ril-discriminate -q --init-from S --lr 5e-4 --eps 1e-5 --seed 3 --threads 1 "$@"; }
disc_on() { # disc_on LIB N OPTION...
	local by=$1 n=$2
	shift 2
	launch "$by" "$n" ril-discriminate -q --init-from S --lr 5e-4 --eps 1e-5 --seed 3 --threads 1 "$@"
}
logits() { for f; do ril-inspect --field disc.logit "$f"; done; }
# near FILE FILE: groups of the same keys, and logits that differ by less than 1e-3
near() { paste "$1" "$2" | awk -F '\t' '$1 != $3 { bad++ } { n = split($2, a, " "); if (n != split($4, b, " ")) bad++; for (i = 1; i <= n; i++) { d = a[i] - b[i]; if (d > 1e-3 || d < -1e-3) bad++ } } END { exit bad || !NR }'; }
first() { jq -c 'if .grad_norm > 0 and (.before.loss - .after.loss) > 0 then {before, grad_norm, lr, student, teacher, uncanonical} else {before, after, student, teacher, uncanonical} end' "$1"; }
for how in "" "--update" "--update --disc-steps 10" "--update --disc-loss bradley-terry --label-smoothing 0.1" "--update --optimizer muon"; do
	case $how in *--update*) most=1e-4 ;; *) most=1e-6 ;; esac # of D after its steps
	# shellcheck disable=SC2086  # options
	check "alone ($how)" disc $how -i one-1.0 -o alone.ril --metrics 1.json
	for n in 2 4; do
		for by in $libs; do
			# shellcheck disable=SC2086
			check "$n ranks ($by, $how)" disc_on "$by" $n $how -i one-$n.%r -o "$n.%r.ril" --metrics $n.json
			check "the same figures ($by, $how): $(head -c 700 1.json) $(head -c 700 $n.json)" close 1.json $n.json $most 0.1
			case $how in *10*) ;; *) check "to the last digits before it steps ($by, $how)" close <(first 1.json) <(first $n.json) 1e-6 ;; esac
			check "the same judgement ($by, $how)" near <(logits alone.ril) <(for r in $(seq 0 $((n - 1))); do logits "$n.$r.ril"; done)
			rm -f $n.json
		done
	done
	rm -f 1.json
done

# ---- checkpoints, with what is replayed ----
head -n 12 q.jsonl >a.jsonl; tail -n 12 q.jsonl >b.jsonl
for s in 0 2; do steps "from-$s.0" a.jsonl 4 $s 2; steps "from-$s.1" b.jsonl 3 $s 2; done
cat from-0.0 from-2.0 >whole.0; cat from-0.1 from-2.1 >whole.1
learn() { # learn RUN START N FILES
	mkdir -p "$1"
	disc_on "$lib" "$3" --update --replay 8 --run "$1" --start-step "$2" -i "$4.%r" -o /dev/null || return
	for d in "$1"/step-*.tmp; do mv "$d" "${d%.tmp}"; done # what ril-update does
}
check "four steps" learn run 0 2 whole
mkdir again; cp -r run/step-2 again
check "go on" learn again 2 2 from-2
for f in disc/model.safetensors disc-state.safetensors disc-replay.0.ril disc-replay.1.ril; do check "$f: to the byte" cmp "run/step-4/$f" "again/step-4/$f"; done
check "replayed groups are there" test "$(ril-inspect --keys run/step-4/disc-replay.0.ril 2>/dev/null | wc -l)" -gt 0 -o -s run/step-4/disc-replay.0.ril
mkdir single; cp -r run/step-2 single; cp from-2.0 single.0
check "on one rank" learn single 2 1 single
check "one file of replayed groups" test -s single/step-4/disc-replay.ril -a ! -e single/step-4/disc-replay.0.ril
mkdir more; cp -r single/step-4 more/step-2; mkdir four; for r in 0 1 2 3; do cp from-2.$((r % 2)) four/$r; done
sed -i 's/"step":"4"/"step":"2"/' more/step-2/disc-state.safetensors
for r in 0 1 2 3; do cp four/$r four.$r; done
check "and from one on four" learn more 2 4 four
check "a part to each" test -s more/step-4/disc-replay.3.ril
kept() { for f; do ril-inspect "$f"; done | grep -c 'q/[0-9]'; }
check "of eight in all: $(kept more/step-4/disc-replay.*.ril)" test "$(kept more/step-4/disc-replay.*.ril)" -le 8

# ---- a pipeline has one who joins; D and the student of one run each have ranks of their own, joined by pipes ----
for by in $libs; do
	expect_exit 1 launch "$by" 2 sh -c 'r=${OMPI_COMM_WORLD_RANK:-$PMI_RANK}; ril-discriminate -q --init-from S --update --threads 1 -i one-2.$r | ril-update -q -m S --objective ril --reward-field reward.similarity --threads 1 --save both'
	check "two who join as one rank: said ($by)" grep -q 'another process of this pipeline has joined as this rank' err
	rm -f d.*; mkfifo d.0 d.1
	disc_on "$by" 2 --update --run "run-$by" -i one-2.%r -o d.%r & job=$!
	check "the student behind D ($by)" launch "$by" 2 ril-update -q -m S --objective ril --reward-field reward.similarity --lr 1e-4 --threads 1 --run "run-$by" -i d.%r
	check "D ($by)" wait $job
	check "one checkpoint of both ($by)" test -s "run-$by/step-1/disc/model.safetensors" -a -s "run-$by/step-1/student/model.safetensors" -a -s "run-$by/step-1/disc-state.safetensors"
done
expect_exit 2 launch_each "$lib" ril-discriminate -q --init-from S --update --lr 1 -i one-2.0 -o x.0 : ril-discriminate -q --init-from S --update --lr 2 -i one-2.1 -o x.1
check "ranks that differ" grep -q 'was given another --lr than rank 0' err
test_end
