# nccl.sh -- what tests of ranks that send by NCCL share, on emulated GPUs and a stand-in for the library (tests/simt/nccl): streams of
# every rank of two and of four, and commands whose models must be the same through the host.  Sourced.
. "$RIL_ROOT/tests/mpi.sh"
. "$RIL_ROOT/tests/emulated.sh"
cd "$T" || exit 1
M=$RIL_ROOT/share/models/student
needs_mpi
export RIL_SIMT_DEVICES=4
grep -qw ospke /proc/cpuinfo 2>/dev/null || export RIL_SIMT_OPEN=1

ril-scenes -q -o . -n 24 --prefix q --seed 5 --answers sentences --questions 2
jq -c '{id, response: .answer, teacher: "a"}' q.jsonl >cache.jsonl
for n in 2 4; do
	for ((r = 0; r < n; r++)); do
		sed -n "$((r * 8 / n + 1)),$(((r + 1) * 8 / n))p" q.jsonl >part.jsonl
		ril-encode -q -m "$M" --with-answers --batch $((4 / n)) --steps 2 --save-every 1 part.jsonl -o "sft-$n.$r.ril"
		ril-encode -q -m "$M" --with-pixels --batch $((8 / n)) --steps 1 part.jsonl | ril-rollout -q -m "$M" -n 4 --temperature 1.3 --max-new-tokens 8 --seed 3 | ril-score -q --judge contains -o "scored-$n.$r.ril"
		ril-encode -q -m "$M" --batch $((4 / n)) --steps 2 part.jsonl | ril-rollout -q -m "$M" -n 2 --max-new-tokens 20 --seed 3 | ril-teach -q --tokenizer "$M" --cache cache.jsonl -n 1 -o "taught-$n.$r.ril"
	done
done
on() { # on LIB N TOOL OPTION...
	local from=-m
	[ "$3" != ril-discriminate ] || from=--init-from
	launch "$1" "$2" "$GPU/$3" $from "$M" --lr 1e-3 --threads 1 --device cuda "${@:4}"
}
# alike NAME N TOOL OPTION...: by NCCL and through the host, the same student
alike() {
	local name=$1 n=$2 tool=$3 how
	shift 3
	for how in host nccl; do
		expect_exit 0 on "$lib" "$n" "$tool" -v "$@" --transport $how --save "$name-$n-$how"
		check "$name, $n ranks: says $how" grep -q "blocks go $([ $how = nccl ] && echo by NCCL || echo through the host)" err
	done
	check "$name, $n ranks: the same bytes" cmp "$name-$n-host/model.safetensors" "$name-$n-nccl/model.safetensors"
	check "$name, $n ranks: it trains" test "$(cmp -s "$name-$n-nccl/model.safetensors" "$M/model.safetensors"; echo $?)" = 1
}
logits() { ril-inspect --field disc.logit "$1" | grep .; }
alike_sft() { alike "$1" "$2" ril-update --objective sft -i "sft-$2.%r.ril" "${@:3}"; } # NAME N OPTION...
alike_groups() { alike "$1" "$2" ril-update --objective dr-grpo --ema 0.5 --optimizer muon -i "scored-$2.%r.ril"; }
alike_disc() { alike "$1" "$2" ril-discriminate --update --disc-steps 2 --replay 2 -i "taught-$2.%r.ril" -o "$1-$2.judged.%r" "${@:3}"; }
# as_before A B N: B by NCCL leaves what A leaves through the host, and judges alike if it is a discriminator
as_before() {
	local r
	check "$2: what $1 leaves, $3 ranks" cmp "$1-$3-host/model.safetensors" "$2-$3-nccl/model.safetensors"
	[ -e "$1-$3.judged.0" ] || return 0
	for r in $(seq 0 $(($3 - 1))); do check "and its judgement, rank $r of $3" cmp <(logits "$1-$3.judged.$r") <(logits "$2-$3.judged.$r"); done
}
halves=(--gradients bf16 --moments 8bit --master none)
shared=(--zero 2 --bucket 0.1)  # buckets that have memory of their own until they are summed
weights=(--zero 3 --bucket 0.1) # weights, too, which passes gather unit by unit
