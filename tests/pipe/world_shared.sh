# world_shared.sh -- trained weights shared out over ranks (--zero 3, MPI): the bytes of --zero 1 for every way to compute, part, head and size
# of units, with ranks that have more micro-batches than others, no pictures, or no groups; less memory; runs go on with any --zero and
# number of ranks; samplers get the weights that the ranks have; a rank that is gone ends all.
. "${RIL_ROOT:-.}/tests/ril_test.sh"
. "$RIL_ROOT/tests/mpi.sh"
cd "$T" || exit 1
M=$RIL_ROOT/share/models/student
needs_mpi
ril-scenes -q -o . -n 24 --prefix q --seed 5 --answers sentences --questions 2
jq -c 'del(.image)' q.jsonl >text.jsonl
scored() { # scored FILE QUESTIONS: one batch of them
	ril-encode -q -m "$M" --with-pixels --batch "$(wc -l <"$2")" --steps 1 "$2" | ril-rollout -q -m "$M" -n 4 --temperature 1.3 --max-new-tokens 16 --seed 3 | ril-score -q --judge contains -o "$1"
}
some() { sed -n "$2,$3p" "$1" >part.jsonl; scored "$4" part.jsonl; }
some q.jsonl 1 5 uneven.0.ril; some q.jsonl 6 8 uneven.1.ril    # five groups and three
some q.jsonl 1 3 blind.0.ril; some text.jsonl 4 5 blind.1.ril   # pictures, and none
for r in 0 1 2 3; do some q.jsonl $((2 * r + 1)) $((2 * r + 2)) four.$r.ril; done
update() { # update LIB N SHARDS OPTION...
	local by=$1 n=$2 in=$3
	shift 3
	launch "$by" "$n" ril-update -q -m "$M" --lr 1e-3 --threads 1 --objective dr-grpo --mu 2 -i "$in.%r.ril" "$@"
}
# same LIB N SHARDS OPTION...: the weights and the metrics of --zero 1
same() {
	local by=$1 n=$2 k=0 how
	rm -rf zero-*
	for how in "--zero 1" "--zero 3 --bucket 0" "--zero 3 --bucket 0.02"; do
		# shellcheck disable=SC2086  # options
		check "$how ($*)" update "$@" $how --save zero-$k --metrics zero-$k.json
		[ $k = 0 ] || check "$how: the same weights ($*)" cmp zero-0/"$weights" zero-$k/"$weights"
		[ $k = 0 ] || check "$how: the same figures ($*): $(cat zero-0.json zero-$k.json)" close zero-0.json zero-$k.json 0
		k=$((k + 1))
	done
	check "it trains ($*)" jq -e '.grad_norm > 0' zero-2.json >/dev/null
}
weights=model.safetensors
for by in $libs; do
	same "$by" 2 uneven --micro-batch 1 --recompute cheap
	same "$by" 4 four --recompute block
done
for how in "" "--train llm,projector,vision --recompute block --micro-batch 2" "--train projector" "--freeze *layers.1.*" "--optimizer muon --ema 0.5" "--beta 0.05" \
	"--gradients bf16 --moments 8bit --master none" "--compute bf16 --micro-batch 1" "--distill $M --micro-batch 2 --clip-grad 0.01"; do
	# shellcheck disable=SC2086  # options
	same "$lib" 2 uneven $how
done
weights=adapter_model.safetensors same "$lib" 2 uneven --lora rank=2,dropout=0.1 --micro-batch 2
same "$lib" 2 blind --train llm,projector,vision
same "$lib" 2 blind --train vision,llm --recompute cheap
# ranks without groups: they have the step, and nothing in it
for r in 0 1 2 3; do ril-encode -q -m "$M" --with-answers --batch 2 --steps 2 --shard $r/4 --shard-by place q.jsonl -o few.$r.ril; done
sft() { # sft LIB N SHARDS OPTION...
	local by=$1 n=$2 in=$3
	shift 3
	launch "$by" "$n" ril-update -q -m "${model:-$M}" --lr 1e-3 --threads 1 --objective sft -i "$in.%r.ril" "$@"
}
for by in $libs; do
	for zero in 1 3; do check "two of four have nothing, $zero ($by)" sft "$by" 4 few --zero $zero --bucket 0 --save few-$by-$zero; done
	check "the same bytes ($by)" cmp few-$by-1/model.safetensors few-$by-3/model.safetensors
done
expect_exit 0 ril-update -q -m "$M" --objective sft --lr 1e-3 --threads 1 --zero 3 -i few.0.ril --save alone
check "alone there is nothing to share" cmp alone/model.safetensors <(ril-update -q -m "$M" --objective sft --lr 1e-3 --threads 1 -i few.0.ril --save none; cat none/model.safetensors)
expect_exit 2 update "$lib" 2 uneven --zero 4

# ---- a discriminator ----
for how in "" "--r1 1 --disc-steps 2 --micro-batch 1" "--train llm,projector,vision --recompute block --optimizer muon" "--lora rank=2"; do
	for zero in 1 3; do
		rm -rf disc-$zero
		# shellcheck disable=SC2086  # options
		check "a discriminator, $zero ($how)" launch "$lib" 2 ril-discriminate -q --init-from "$M" --update --lr 1e-3 --threads 1 --seed 3 --bucket 0.02 --zero $zero $how \
			-i uneven.%r.ril -o judged-$zero.%r.ril --save disc-$zero --metrics disc-$zero.json
	done
	check "the same D ($how)" cmp disc-1/*.safetensors disc-3/*.safetensors
	check "the same figures ($how)" close disc-1.json disc-3.json 0
	for r in 0 1; do check "the same judgement, rank $r ($how)" cmp <(ril-inspect --field disc.logit judged-1.$r.ril) <(ril-inspect --field disc.logit judged-3.$r.ril); done
	rm -f disc-?.json
done

# ---- memory: what a rank has said it took, and what the system says ----
check "a deeper model" bash -c "jq '.hidden_size = 256 | .intermediate_size = 768 | .num_hidden_layers = 8 | .vision_config.out_hidden_size = 256 | .num_attention_heads = 16 |
	.num_key_value_heads = 8' '$RIL_ROOT/share/recipes/student.json' >deep.json && ril-init -q --config deep.json --tokenizer '$M' --seed 1 -o deep"
for r in 0 1 2 3; do
	sed -n "$((6 * r + 1)),$((6 * r + 6))p" q.jsonl >part.jsonl
	ril-encode -q -m deep --with-answers --batch 1 --steps 4 --save-every 1 part.jsonl -o deep.$r.ril
	ril-encode -q -m deep --with-answers --batch 1 --steps 4 --save-every 1 --start-step 2 part.jsonl -o later.$r.ril
done
# peak of each rank's memory in KiB, as the system counts it, the model's mapped file left out, to peak-ZERO-N.RANK; what it says itself goes to
# memory-ZERO-N.  What was given back goes to the system at once, as it does of itself where pieces are large: small ones the C library
# keeps, as many as threads happened to have at the same time.
cat >peak.py <<'END'
import os, subprocess, sys, time
p = subprocess.Popen(sys.argv[2:])
most = 0
while p.poll() is None:
    try:
        most = max(most, *(int(x.split()[1]) for x in open(f"/proc/{p.pid}/status") if x.startswith("RssAnon")))
    except (OSError, TypeError, ValueError):
        pass
    time.sleep(.002)
rank = os.environ.get("OMPI_COMM_WORLD_RANK") or os.environ.get("PMI_RANK")
open(f"{sys.argv[1]}.{rank}", "w").write(f"{most}\n")
sys.exit(p.returncode)
END
took() { # took ZERO N OPTION...
	local zero=$1 n=$2
	shift 2
	MALLOC_MMAP_THRESHOLD_=131072 launch "$lib" "$n" python3 peak.py "peak-$zero-$n" ril-update -v -m deep --objective sft --lr 1e-3 --threads 1 --ema 0.5 --bucket 0.5 --zero "$zero" -i deep.%r.ril --save "took-$zero-$n" "$@" 2>"memory-$zero-$n"
}
of() { awk -v w="$1" '$2 == "memory:" && $3 == w { print $NF }' "memory-$2"; } # of WHAT ZERO-N
if command -v python3 >/dev/null; then
	for how in "2 2" "3 2" "2 4" "3 4"; do
		# shellcheck disable=SC2086  # two words
		check "took ($how)" took $how
	done
	for n in 2 4; do
		check "the same bytes, $n ranks" cmp took-2-$n/model.safetensors took-3-$n/model.safetensors
		for what in masters average; do
			check "$n ranks: $what of a rank, $(of $what 3-$n) of $(of $what 2-$n)" test "$(($(of $what 3-$n) * n))" -lt "$(($(of $what 2-$n) * 11 / 10))"
		done
		saved=$(($(of masters 2-$n) + $(of average 2-$n) - $(of masters 3-$n) - $(of average 3-$n) - $(of weights 3-$n)))
		peaks="$(cat peak-2-$n.0) KiB and $(cat peak-3-$n.0) KiB, of which $((saved / 1024)) might be saved"
		check "$n ranks: and as the system counts it: $peaks" test $(($(cat peak-2-$n.0) - $(cat peak-3-$n.0))) -gt $((saved / 1024 / 2))
	done
	plan=$(ril-update --plan -m deep --ema 0.5 --ranks 4 --bucket 0.5 --plan-batch groups=1 | awk '{ a[$1] = $2 == int($2) ? $2 : $NF } END { print a["zero-2"] - a["zero-3"] }')
	check "as planned: $plan, $saved" test $((plan * 100)) -gt $((saved * 95)) -a $((plan * 95)) -lt $((saved * 100))
else skip "no python3"; fi

# ---- checkpoints: begun and gone on with any ----
train() { # train RUN START N IN ZERO
	model=deep sft "$lib" "$3" "$4" --run "$1" --start-step "$2" --keep 0 --ema 0.5 --zero "$5" --bucket 0.5
}
for zero in 1 3; do check "four steps, $zero" train run-$zero 0 2 deep $zero; done
for f in student/model.safetensors ema/model.safetensors; do for s in 2 4; do check "$f of step $s" cmp run-1/step-$s/$f run-3/step-$s/$f; done; done
state() { LC_ALL=C sed "s/zero [123]/zero N/g; s/run-[13]/run-N/g" "run-$1/step-4/state.safetensors"; } # which has its command line
check "the same state" cmp <(state 1) <(state 3)
for how in "1 3" "3 1" "3 3"; do
	set -- $how
	rm -rf on; mkdir on && cp -r run-$1/step-2 on
	check "begun with $1, gone on with $2" train on 2 2 later $2
	check "to the byte ($how)" cmp on/step-4/student/model.safetensors run-1/step-4/student/model.safetensors
done
for n in 1 4; do
	for zero in 1 3; do
		rm -rf on-$zero; mkdir on-$zero && cp -r run-3/step-2 on-$zero
		check "on $n ranks, $zero" train on-$zero 2 $n later $zero
	done
	check "$n ranks: the same bytes" cmp on-1/step-4/student/model.safetensors on-3/step-4/student/model.safetensors
done

# ---- the whole loop in each rank: new weights go to each one's sampler ----
head -n 24 q.jsonl >loop.0.jsonl; tail -n 24 q.jsonl >loop.1.jsonl
export BATCH=4 STEPS=3 TOKENS=16
for how in "" "--compute bf16" "--lora rank=2"; do
	# shellcheck disable=SC2086  # options
	for zero in 1 3; do rm -rf loop-$zero*; check "a loop on two ranks ($how, $zero)" launch "$lib" 2 sh "$RIL_ROOT/tests/rank_loop.sh" "$M" loop-$zero --bucket 0.02 --zero $zero $how; done
	check "the same student ($how)" cmp loop-1/step-3/student/*.safetensors loop-3/step-3/student/*.safetensors
	check "the sampler has the trainer's weights ($how): $(jq -c .logp_delta_max loop-3.jsonl | tr '\n' ' ')" \
		jq -es --argjson most $([ "$how" = "--compute bf16" ] && echo 0.5 || echo 1e-4) 'length == 3 and all(.logp_delta_max < $most) and .[2].grad_norm > 0' loop-3.jsonl >/dev/null
done

# ---- a device whose memory the host does not read ----
far=$RIL_ROOT/build/${RIL_MODES%% *}/tests/far/ril-update
if [ -n "${RIL_MODES-}" ] && [ -x "$far" ]; then
	mkdir -p far/bin && cp "$far" far/bin && ln -s "$RIL_BIN/../libexec" far/libexec
	for how in "" "--compute bf16 --train llm,projector,vision"; do
		rm -rf far-? near
		# shellcheck disable=SC2086  # options
		check "far ($how)" launch "$lib" 2 far/bin/ril-update -q -m "$M" --objective dr-grpo --lr 1e-3 --threads 1 --bucket 0.02 --zero 3 $how -i uneven.%r.ril --save far-3
		# shellcheck disable=SC2086
		check "near ($how)" launch "$lib" 2 ril-update -q -m "$M" --objective dr-grpo --lr 1e-3 --threads 1 $how -i uneven.%r.ril --save near
		check "far is near ($how)" cmp near/model.safetensors far-3/model.safetensors
	done
else
	skip "no build of the hostile device"
fi

# ---- a rank is killed while others gather ----
for by in $libs; do
	rm -f pid.*
	RIL_TEST_MARK=$T launch "$by" 2 sh -c 'r=${OMPI_COMM_WORLD_RANK:-$PMI_RANK}; ril-update -q -m deep --objective sft --mu 100000 --threads 1 --zero 3 --bucket 0.5 -i deep.$r.ril --metrics m.$r & echo $! >pid.$r; wait $!; c=$?; exit $c' >out 2>err &
	# a library that was reading the rank's memory (MPICH's UCX) may end the other at once
	kill_a_rank "$by" $! "2.$((RANDOM % 10))" 'process_vm_readv.*No such process'
done
test_end
