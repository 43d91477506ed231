# simt.sh -- the tools with an emulated GPU as cuda:0 (tests/simt): the backend's own kernels under whole passes of both
# families, towers trained.  In float as the CPU does it, in BF16 close to the CPU's BF16 (how close, and why, is what
# tests/unit/nn_step.c says and run.sh of tests/simt checks), twice the same bytes.
. "${RIL_ROOT:-.}/tests/ril_test.sh"
. "$RIL_ROOT/tests/train_model.sh"
. "$RIL_ROOT/tests/emulated.sh"
cd "$T" || exit 1
check "a Qwen2.5-VL student was made" small_student .
check "an InternVL student was made" ril-init -q --config "$RIL_ROOT/share/recipes/teacher-b.json" --train-tokenizer corpus.txt \
	--vocab 470 --seed 2 -o I
head -n 6 q.jsonl >few.jsonl

encode() { "$1/ril-encode" -q "${@:4}" -m "$2" --with-pixels --batch 6 --steps 1 --seed 3 --count 1 -o "$3/e.ril" few.jsonl; }
rollout() { "$1/ril-rollout" -q "${@:5}" -m "$2" --from-pixels -n 3 --max-new-tokens 10 --seed 3 -i "$3" -o "$4"; }
discriminate() { "$1/ril-discriminate" -q "${@:5}" --init-from "$2" --update --lr 1e-3 --seed 3 --metrics "$4.jsonl" --save "$4" -i "$3" -o "$4.ril"; }
update() {
	"$1/ril-update" -q "${@:5}" -m "$2" --objective ril --train llm,projector,vision --lr 1e-3 --beta 0.02 --mu 2 --seed 3 -i "$3" \
		--metrics "$4.jsonl" --save "$4"
}
# near WHAT TOLERANCE A B: a number of two metrics files
near() {
	jq -n --arg what "$1" --argjson most "$2" --slurpfile a "$3" --slurpfile b "$4" -e '
		[$a, $b] | map(.[0] | getpath($what / ".")) | all(type == "number") and
		((.[0] - .[1]) | fabs) <= $most * ([map(fabs) | max, 1e-3] | max)' >/dev/null
}

for family in S I; do
	mkdir "$family.cpu" "$family.gpu"
	check "$family: encoded on the CPU" encode "$RIL_BIN" $family $family.cpu --device cpu
	check "$family: sampled on the CPU" rollout "$RIL_BIN" $family $family.cpu/e.ril $family.cpu/r.ril --device cpu
	check "$family: teachers" ril-teach -q --cache cache.jsonl --allow-missing -n 1 --tokenizer $family -i $family.cpu/r.ril -o $family.cpu/t.ril
	check "$family: judged by D on the CPU" discriminate "$RIL_BIN" $family $family.cpu/t.ril $family.cpu/D --device cpu
	check "$family: scored" ril-score -q --judge contains -i $family.cpu/D.ril -o $family.cpu/s.ril
	for compute in f32 bf16; do
		check "$family: trained on the CPU, $compute" update "$RIL_BIN" $family $family.cpu/s.ril $family.cpu/$compute --device cpu --compute $compute
	done

	check "$family: encoded on the GPU" encode "$GPU" $family $family.gpu --device cuda:0 --compute f32
	check "$family: sampled on the GPU" rollout "$GPU" $family $family.cpu/e.ril $family.gpu/r.ril --device cuda:0 --compute f32
	same=$(diff <(ril-inspect --field resp.ids $family.cpu/r.ril) <(ril-inspect --field resp.ids $family.gpu/r.ril) | grep -c '^>')
	all=$(ril-inspect --field resp.ids $family.gpu/r.ril | wc -l)
	check "$family: $same of $all lines of tokens differ" test "$((4 * same))" -le "$all" -a "$all" -gt 0
	check "$family: judged by D on the GPU" discriminate "$GPU" $family $family.cpu/t.ril $family.gpu/D --device cuda:0 --compute f32
	for what in before.loss after.loss grad_norm; do
		check "$family: D's $what as on the CPU" near $what 1e-3 $family.cpu/D.jsonl $family.gpu/D.jsonl
	done
	check "$family: D with R1 on the CPU" discriminate "$RIL_BIN" $family $family.cpu/t.ril $family.cpu/R --device cpu --r1 30 --r1-sigma 0.3
	for how in "f32 1e-3" "bf16 0.2"; do
		read -r compute most <<<"$how"
		check "$family: and on the GPU, $compute" discriminate "$GPU" $family $family.cpu/t.ril $family.gpu/R-$compute --device cuda:0 --compute $compute --r1 30 --r1-sigma 0.3
		for what in r1 grad_norm; do
			check "$family, $compute: $what as on the CPU" near $what $most $family.cpu/R.jsonl $family.gpu/R-$compute.jsonl
		done
	done
	check "$family: R1 is there" test "$(cmp -s $family.gpu/R-f32/model.safetensors $family.gpu/D/model.safetensors; echo $?)" = 1
	for how in "f32 1e-4" "bf16 0.1"; do
		read -r compute most <<<"$how"
		check "$family: trained on the GPU, $compute" update "$GPU" $family $family.cpu/s.ril $family.gpu/$compute --device cuda:0 --compute $compute
		for what in loss grad_norm; do
			check "$family, $compute: $what as on the CPU" near $what $most $family.cpu/$compute.jsonl $family.gpu/$compute.jsonl
		done
		check "$family: the student moved, $compute" test "$(cmp -s $family.gpu/$compute/model.safetensors $family/model.safetensors; echo $?)" = 1
	done
	adapters() { update "$1" $family $family.cpu/s.ril "$2" --lora rank=2,dropout=0.2 --recompute cheap "${@:3}"; }
	check "$family: adapters with dropout on the CPU" adapters "$RIL_BIN" $family.cpu/lora --device cpu
	check "$family: and on the GPU" adapters "$GPU" $family.gpu/lora --device cuda:0 --compute f32
	for what in loss grad_norm; do
		check "$family, adapters: $what as on the CPU" near $what 1e-4 $family.cpu/lora.jsonl $family.gpu/lora.jsonl
	done
	check "$family: trained again" update "$GPU" $family $family.cpu/s.ril $family.gpu/again --device cuda:0 --compute bf16
	check "$family: the same bytes" cmp $family.gpu/bf16/model.safetensors $family.gpu/again/model.safetensors
done

# the device that is asked for
expect_exit 0 "$GPU/ril-encode" -v --device auto -m S --batch 2 --steps 1 --count 1 -o a.ril few.jsonl
check "auto takes the GPU, and says so" grep -q 'cuda:0: compute capability' "$T/err"
expect_exit 1 "$GPU/ril-encode" --device cuda:9 -m S --batch 2 --steps 1 --count 1 -o b.ril few.jsonl
check "a device that is not there is named" grep -q 'cuda:9: this machine has 1 CUDA device' "$T/err"
check "nothing was written" test ! -e b.ril
expect_exit 0 ril-encode -q --device auto -m S --batch 2 --steps 1 --count 1 -o c.ril few.jsonl

# of several the one of the process's number on its machine, as each launcher says it, counted round
for said in OMPI_COMM_WORLD_LOCAL_RANK=2:2 MPI_LOCALRANKID=1:1 SLURM_LOCALID=3:3 SLURM_LOCALID=6:2 SLURM_LOCALID=x:0; do
	for device in cuda auto; do
		expect_exit 0 env RIL_SIMT_DEVICES=4 ${said%:*} "$GPU/ril-encode" -v --device $device -m S --batch 2 --steps 1 --count 1 -o d.ril few.jsonl
		check "$device, ${said%:*}: $(cat "$T/err")" grep -q "cuda:${said#*:}: compute capability" "$T/err"
	done
done
expect_exit 0 env RIL_SIMT_DEVICES=4 SLURM_LOCALID=3 "$GPU/ril-encode" -v --device cuda:1 -m S --batch 2 --steps 1 --count 1 -o d.ril few.jsonl
check "one that is named is taken" grep -q 'cuda:1: compute capability' "$T/err"

# a device that is lost in the middle of a step: the step ends with its name, and nothing is published
for at in 1 40 400; do
	expect_exit 1 env RIL_SIMT_LOST=$at "$GPU/ril-update" -q -m S --objective ril --lr 1e-3 --beta 0.02 --mu 2 --seed 3 --device cuda:0 \
		-i S.cpu/s.ril --run lost --save lost-student --metrics lost.jsonl
	check "lost at kernel $at: $(cat "$T/err")" grep -q 'cuda:0: .*unspecified launch failure' "$T/err"
	check "no checkpoint, no student, no metrics" test -z "$(ls -d lost/step-? lost/current lost-student lost.jsonl 2>/dev/null)"
done
expect_exit 1 env RIL_SIMT_LOST=300 "$GPU/ril-rollout" -q -m S -n 3 --max-new-tokens 10 --device cuda:0 -i S.cpu/e.ril -o lost.ril
check "sampling: $(cat "$T/err")" grep -q 'cuda:0: .*unspecified launch failure' "$T/err"
check "no groups" test ! -e lost.ril
# memory that runs out later than was foreseen
for mib in 3 6; do
	expect_exit 1 env RIL_SIMT_MEMORY=$mib "$GPU/ril-update" -q -m S --objective ril --lr 1e-3 --beta 0.02 --device cuda:0 -i S.cpu/s.ril --save poor
	check "too little memory, $mib MiB: $(cat "$T/err")" grep -qi 'memory\|do not fit' "$T/err"
	check "no student" test ! -e poor
done
test_end
