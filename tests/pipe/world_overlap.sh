# world_overlap.sh -- gradients of several ranks (MPI) summed while the backward pass goes on: the same bytes whatever the buckets, for
# every way to compute, optimiser and part; the trace of it, in which sums lie beside the pass.
. "${RIL_ROOT:-.}/tests/ril_test.sh"
. "$RIL_ROOT/tests/mpi.sh"
cd "$T" || exit 1
M=$RIL_ROOT/share/models/student
needs_mpi
ril-scenes -q -o . -n 12 --prefix q --seed 5 --answers sentences --questions 2
head -n 12 q.jsonl >half.0.jsonl; tail -n 12 q.jsonl >half.1.jsonl
# five questions of a batch of eight, and three
for r in 0 1; do
	sed -n "$((1 + 5 * r)),$((5 + 3 * r))p" q.jsonl >part.jsonl
	ril-encode -q -m "$M" --with-pixels --batch $((5 - 2 * r)) --steps 1 part.jsonl | ril-rollout -q -m "$M" -n 4 --temperature 1.3 --max-new-tokens 16 --seed 3 |
		ril-score -q --judge contains -o scored-2.$r.ril
done
ril-encode -q -m "$M" --with-answers --batch 8 --steps 1 half.0.jsonl -o alone.ril
update_on() { # update_on LIB N OPTION...
	local by=$1 n=$2
	shift 2
	launch "$by" "$n" ril-update -q -m "$M" --lr 1e-3 --threads 1 "$@"
}

some_way() { # some_way OPTION...: without, in large buckets and in small ones; with the gradients shared out, too
	local k=0 how
	for how in "--bucket 0" "--bucket 4" "--bucket 0.02" "--bucket 0 --zero 2" "--bucket 0.02 --zero 2"; do
		# shellcheck disable=SC2086  # options
		check "$how ($*)" update_on "$lib" 2 --objective dr-grpo --mu 2 $how "$@" -i scored-2.%r.ril --save "bucket-$k" --metrics bucket-$k.jsonl
		[ $k = 0 ] || check "$how: the same bytes ($*)" cmp bucket-0/"$weights" bucket-$k/"$weights"
		k=$((k + 1))
	done
	check "it trains ($*)" jq -e '.grad_norm > 0' bucket-4.jsonl >/dev/null
	rm -r bucket-?
}
weights=model.safetensors
for how in "" "--recompute block" "--recompute cheap --micro-batch 1" "--train llm,projector,vision --recompute block" "--freeze *layers.1.*" "--optimizer muon" \
	"--gradients bf16 --moments 8bit --master none" "--compute bf16 --ema 0.5" "--distill $M --micro-batch 2 --clip-grad 0.01"; do
	# shellcheck disable=SC2086  # options
	some_way $how
done
weights=adapter_model.safetensors some_way --lora rank=2
for how in "0" "0.02" "0.02 --zero 2"; do
	# shellcheck disable=SC2086  # options
	check "a discriminator, $how MB" launch "$lib" 2 ril-discriminate -q --init-from "$M" --update --disc-steps 3 --lr 1e-3 --threads 1 --bucket $how --trace d.%r.json \
		-i scored-2.%r.ril -o d.%r.ril --save "disc-${how%% *}-${how##* }"
done
check "the same discriminator" cmp disc-0-0/model.safetensors disc-0.02-0.02/model.safetensors
check "and with its gradients shared out" cmp disc-0-0/model.safetensors disc-0.02-2/model.safetensors
check "its trace" jq -e '([.[] | select(.cat == "ready")] | length) > 6 and ([.[] | select(.cat == "step")] | length) == 3' d.1.json >/dev/null
check "a deeper model" bash -c "jq '.hidden_size = 256 | .intermediate_size = 768 | .num_hidden_layers = 6 | .vision_config.out_hidden_size = 256 | .num_attention_heads = 16 |
	.num_key_value_heads = 8' '$RIL_ROOT/share/recipes/student.json' >deep.json && ril-init -q --config deep.json --tokenizer '$M' --seed 1 -o deep"
for r in 0 1; do ril-encode -q -m deep --with-answers --batch 6 --steps 2 half.$r.jsonl -o "deep.$r.ril"; done
traced() { launch "$1" 2 ril-update -q -m deep --objective sft --lr 1e-3 --threads 1 --bucket "$2" -i deep.%r.ril --save "deep-$1-$2" --trace "$1-$2.%r.json"; }
# of the second step: when each kind of span began and ended
spans() { jq -c '[.[] | select(.args.step == 2)] | def of($c): map(select(.cat == $c)) | {n: length, first: (map(.ts) | min), last: (map(.ts + .dur) | max)};
	{ready: ([.[] | select(.cat == "ready") | .ts]), reduce: ([.[] | select(.cat == "reduce") | .ts]), forward: of("forward"), backward: of("backward"), step: of("step")}' "$1"; }
for lib in $libs; do
	for bucket in 0 0.5; do check "traced ($lib, $bucket)" traced "$lib" $bucket; done
	check "the same bytes ($lib)" cmp "deep-$lib-0/model.safetensors" "deep-$lib-0.5/model.safetensors"
	for r in 0 1; do
		spans "$lib-0.$r.json" >off; spans "$lib-0.5.$r.json" >on
		check "rank $r, $lib: each layer's way back: $(cat on)" jq -e '.backward.n >= 7 and .forward.last <= .backward.first + 1 and .backward.last <= .step.first + 1' on >/dev/null
		check "rank $r, $lib: all but the last bucket can begin in the backward pass" jq -e '.backward.last as $until | (.ready | length) > 4 and ([.ready[] | select(. < $until)] | length) >= (.ready | length) - 1' on >/dev/null
		check "rank $r, $lib: in order, none before it can" jq -e '.reduce == (.reduce | sort) and ([range(.reduce | length) as $i | .reduce[$i] - .ready[$i]] | min) >= -1' on >/dev/null
		check "rank $r, $lib: and does" jq -e '.reduce[0] < .backward.last' on >/dev/null
		check "rank $r, $lib: with none after it: $(cat off)" jq -e '(.ready | length) == 1 and .reduce[0] >= .backward.last - 1' off >/dev/null
	done
done
lib=${libs%%[[:space:]]*}

# ---- gradients shared out: what a rank keeps; checkpoints are the same ----
took() { # took ZERO RANKS OPTION...: bytes of gradients on rank 0
	local zero=$1 n=$2
	shift 2
	for r in 2 3; do [ "$n" = 2 ] || ril-encode -q -m deep --with-answers --batch 6 --steps 2 half.$((r - 2)).jsonl -o deep.$r.ril; done
	launch "$lib" "$n" ril-update -v -m deep --objective sft --lr 1e-3 --threads 1 --bucket 0.5 --zero "$zero" -i deep.%r.ril --save "took-$n-$zero$*" "$@" 2>&1 | awk '$2 == "memory:" && $3 == "gradients" { print $NF }'
}
whole=$(took 1 2) half=$(took 2 2) quarter=$(took 2 4) gathered=$(took 2 2 --micro-batch 1)
check "gradients of a rank: $whole, $half, $quarter; several micro-batches $gathered" test "$((half * 10))" -lt "$((whole * 8))" -a "$((quarter * 10))" -lt "$((whole * 5))" -a "$quarter" -gt $((whole / 4))
check "the same bytes" cmp took-2-1/model.safetensors took-2-2/model.safetensors
check "of several micro-batches, too" bash -c "$(declare -f launch mpirun_of crowd); launch '$lib' 2 ril-update -q -m deep --objective sft --lr 1e-3 --threads 1 --micro-batch 1 -i deep.%r.ril --save took-3 && cmp took-3/model.safetensors took-2-2--micro-batch\ 1/model.safetensors"
for zero in 1 2; do check "a run, $zero" launch "$lib" 2 ril-update -q -m deep --objective sft --lr 1e-3 --threads 1 --zero $zero -i deep.%r.ril --run run-$zero; done
state() { LC_ALL=C sed "s/zero [12]/zero N/g; s/run-[12]/run-N/g" "run-$1/step-2/state.safetensors"; } # which has its command line
check "the same state" cmp <(state 1) <(state 2)
expect_exit 2 ril-update -m "$M" --zero 4 -i alone.ril
expect_exit 0 ril-update -q -m "$M" --objective sft --lr 1e-3 --zero 2 -i alone.ril --save zero-alone
check "alone there is nothing to share" cmp zero-alone/model.safetensors <(ril-update -q -m "$M" --objective sft --lr 1e-3 -i alone.ril --save zero-none; cat zero-none/model.safetensors)

# ---- a device whose memory the host does not read: sums follow the pass, or shared out interrupt it; the same bytes ----
far=$RIL_ROOT/build/${RIL_MODES%% *}/tests/far/ril-update
if [ -n "${RIL_MODES-}" ] && [ -x "$far" ]; then
	mkdir -p far/bin && cp "$far" far/bin && ln -s "$RIL_BIN/../libexec" far/libexec
	for r in 0 1; do ril-encode -q -m "$M" --with-answers --batch 2 --steps 1 half.$r.jsonl -o small.$r.ril; done
	for zero in 1 2; do
		check "far, $zero" launch "$lib" 2 far/bin/ril-update -q -m "$M" --objective sft --lr 1e-3 --threads 1 --bucket 0.02 --zero $zero -i small.%r.ril --save "far-$zero"
	done
	check "near" launch "$lib" 2 ril-update -q -m "$M" --objective sft --lr 1e-3 --threads 1 -i small.%r.ril --save near
	for zero in 1 2; do check "far is near, $zero" cmp near/model.safetensors far-$zero/model.safetensors; done
else
	skip "no build of the hostile device"
fi

expect_exit 2 update_on "$lib" 2 --objective dr-grpo -i scored-2.%r.ril --trace one.json
check "each rank writes its own" grep -q -- "--trace one.json: each rank writes its own" err
expect_exit 1 ril-update -q -m "$M" --objective sft --lr 1e-3 -i alone.ril --trace none/such/trace.json; check "no such folder" grep -q "none/such/trace.json" err
expect_exit 0 ril-update -q -m "$M" --objective sft --lr 1e-3 -i alone.ril --trace one.json
check "a process alone has a trace, too" jq -e '([.[] | select(.cat == "backward")] | length) > 3 and all(.[]; .cat != "reduce")' one.json >/dev/null
test_end
