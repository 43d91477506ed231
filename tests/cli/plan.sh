# plan.sh -- --plan against what the tools then use, by their own count: both families, every --recompute, the cache; and
# that --recompute changes no byte.
. "${RIL_ROOT:-.}/tests/ril_test.sh"
cd "$T" || exit 1
M="$RIL_ROOT/share/models"
bytes() { awk -v w="$1" '$1 == w {n = $NF} $2 == "memory:" && $3 == w {n = $NF} END {print n + 0}' "$2"; }
# near WHAT: each line of the plan within 5 % of what was used.
near() {
	local part p u ok=0
	for part in weights masters gradients moments activations cache; do
		p=$(bytes $part plan) u=$(bytes $part used)
		awk -v p="$p" -v u="$u" 'BEGIN {exit !(p == u || (p >= .95 * u && p <= 1.05 * u))}' || { echo "$1: $part: planned $p, used $u" >&2; ok=1; }
	done
	[ "$(bytes sum plan)" -gt 0 ] && return $ok
}
try() { # try WHAT PLAN-BATCH COMMAND...: plans it, then runs it
	local what=$1 batch=$2; shift 2
	check "$what: planned" bash -c '"$@" </dev/null >plan' . "$@" --plan --plan-batch "$batch"
	check "$what: run" bash -c '"$@" 2>used' . "$@" -v
	check "$what: as planned" near "$what"
}
# one question many times, and responses that never end early: a batch like a plan's
batch() { # batch MODEL N RESPONSES LENGTH
	rm -rf m; cp -r "$1" m; chmod -R u+w m
	jq --slurpfile c m/config.json '.eos_token_id = ($c[0].image_token_id // .eos_token_id)' m/generation_config.json >g && mv g m/generation_config.json
	ril-scenes -q -o s --prefix q -n 1 --seed 3
	head -n 1 s/q.jsonl | jq -c --argjson n "$2" '. as $q | range($n) | $q + {id: "q\(.)"}' >s/all.jsonl
	ril-encode -q -m m --with-pixels --batch "$2" --steps 1 s/all.jsonl -o q.ril
	local token; token=$(jq .image_token_id m/config.json)
	ril-inspect --field prompt.ids q.ril | head -n 1 | cut -f 2 | tr ' ' '\n' >ids
	shape="groups=$2,prompt=$(wc -l <ids),responses=$3,length=$4,image=$(grep -cx "$token" ids)"
}

for size in "6 3 12" "40 8 30"; do
	for model in student teacher-b; do
		# shellcheck disable=SC2086
		set -- $size
		batch "$M/$model" "$@"
		try "$model, rollout of $size" "$shape" ril-rollout -m m -n "$2" --max-new-tokens "$3" -i q.ril -o r.ril
		ril-score -q -i r.ril -o s.ril
		for how in none cheap block; do
			try "$model, update of $size, $how" "$shape" ril-update -m m --objective dr-grpo --train llm,projector,vision --recompute $how --save "student-$how" -i s.ril
			check "$model, $how: the same student" cmp student-none/model.safetensors "student-$how/model.safetensors"
		done
		small=(--compute bf16 --gradients bf16 --moments 8bit)
		try "$model, update of $size in few bits" "$shape" ril-update -m m --objective dr-grpo --train llm,projector,vision "${small[@]}" --save student-few -i s.ril
		try "$model, rollout of $size in BF16" "$shape" ril-rollout -m m -n "$2" --max-new-tokens "$3" --compute bf16 -i q.ril -o few.ril
		rm -r student-*
		try "$model, discriminator of $size" "$shape" ril-discriminate --init-from m --update --recompute block -i r.ril -o d.ril
	done
done

# ---- a run goes on with another setting than it began with ----
ril-scenes -q -o s --prefix a -n 8 --seed 4 --answers sentences
sft() { local run=$1 step=$2 how=$3; ril-encode -q -m m --with-answers --batch 4 --steps 2 --start-step "$step" --count 1 s/a.jsonl |
	ril-update -q -m m --objective sft --lr 1e-3 --recompute "$how" --run "$run" --start-step "$step"; }
check "two steps" bash -c "$(declare -f sft); sft one 0 none && sft one 1 none && sft two 0 block && sft two 1 cheap"
check "the same student" cmp one/step-2/student/model.safetensors two/step-2/student/model.safetensors
check "and state" cmp <(ril-inspect one/step-2/state.safetensors) <(ril-inspect two/step-2/state.safetensors)

check "parts and masters" ril-update --plan -m m --train llm --master none >plan
check "none of the weights are masters" test "$(bytes masters plan)" = 0

# ---- without weights: from config.json alone, in its type ----
mkdir bare; jq '.torch_dtype = "bfloat16"' m/config.json >bare/config.json
check "a folder of one file" bash -c 'ril-update -m bare --train llm,projector,vision --plan </dev/null >plan'
elements=$(ril-inspect m | awk '$2 == "F32" {n += $NF} END {print n}')
check "weights of two bytes" bash -c "[ $(bytes weights plan) -ge $((2 * elements)) ] && [ $(bytes weights plan) -lt $((21 * elements / 10)) ]"
mkdir whole part; jq 'del(.dtype) | .torch_dtype = "bfloat16"' "$RIL_ROOT/tests/golden/configs/qwen3_vl.json" >whole/config.json
jq 'del(.torch_dtype) | .text_config.dtype = "bfloat16"' whole/config.json >part/config.json
for m in whole part; do expect_exit 0 ril-update --plan -m $m; bytes weights out >$m.bytes; done
check "a type that only the language model's settings name: $(cat part.bytes)" cmp whole.bytes part.bytes
jq 'del(.text_config.dtype)' part/config.json >none.json && mkdir none && mv none.json none/config.json
expect_exit 0 ril-update --plan -m none
check "and none at all: F32, its own masters" test "$(bytes weights out)" -lt "$(cat part.bytes)"
mkdir 256m; cp "$RIL_ROOT/share/recipes/smolvlm-256m.json" 256m/config.json
expect_exit 0 ril-update --plan -m 256m --train llm,projector,vision
check "SmolVLM-256M in its published shape has 256,484,928 parameters: $(bytes masters out) bytes of masters" test "$(bytes masters out)" = $((4 * 256484928))
expect_exit 0 ril-teach --plan -n 4 -m "$M/teacher-b" -m "$M/student" --tokenizer m
check "teachers have caches" test "$(bytes cache out)" -gt 0

# ---- does it fit? ----
expect_exit 0 ril-update --plan -m m --device-memory 10G
check "the device stands below the sum" grep -q '^device .* 10000000000$' out
has=$(ril-update --plan -m m | awk '$1 == "sum" {print $NF}')
expect_exit 1 ril-update --plan -m m --device-memory $((has * 7 / 10))
settings=$(sed -n 's/.*what would fit://p' err)
check "settings are named: $(cat err)" test -n "$settings"
# shellcheck disable=SC2086
expect_exit 0 ril-update --plan -m m --device-memory $((has * 7 / 10)) $settings
expect_exit 1 ril-update --plan -m m --device-memory 20k
check "or none: $(cat err)" grep -q 'any other settings' err
expect_exit 1 ril-rollout --plan -n 8 -m m --device-memory 100k
expect_exit 0 ril-encode --plan -m m --device-memory 2Gi
# people read a plan: one that fails leaves no mark of a stream's end in a pipe
for t in encode rollout teach discriminate update; do
	check "ril-$t --plan that fails writes nothing" test "$(ril-$t --plan -m nobody 2>err | wc -c)" = 0 -a -s err
done
check "nor does --check" test "$(ril-encode -m m --check nothing.jsonl 2>err | wc -c)" = 0 -a -s err
f32=$(ril-update --plan -m m --compute f32 | awk '$1 == "activations" {print $NF}')
gpu=$(ril-update --plan -m m --device cuda:7 | awk '$1 == "activations" {print $NF}')
check "a GPU that is not here would compute in BF16: $gpu of $f32" test "$gpu" -lt $((f32 * 6 / 10))
eight=$(ril-update --plan -m m --moments 8bit | awk '$1 == "moments" {print $NF}')
float=$(ril-update --plan -m m | awk '$1 == "moments" {print $NF}')
check "moments of 8 bits: $eight of $float" test "$eight" -lt $((float * 3 / 10))

# ---- ranks that train together ----
expect_exit 0 ril-update --plan -m m --ema 0.9 --ranks 1
sum=$(bytes sum "$T/out")
check "one rank takes it all and sends nothing" test "$(awk -v s="$sum" '/^(replicated|zero-)/ && $2 == s && $3 == 0' "$T/out" | wc -l)" = 4
for n in 3 8; do
	expect_exit 0 ril-update --plan -m m --ema 0.9 --master f32 --ranks $n --bucket 0
	check "what $n ranks share: $(tail -n 4 "$T/out" | tr '\n' ';')" awk -v n=$n '
		function part(x) {return int((x + n - 1) / n)}
		function passed(x) {return x - int(x / n)}
		{a[$1] = $NF; moved[$1] = $3; memory[$1] = $2}
		END {
			z1 = a["sum"] - a["moments"] + part(a["moments"]); z2 = z1 - a["gradients"] + part(a["gradients"])
			w = a["masters"] + a["average"]; v = a["weights"]; g = passed(a["gradients"]) # what passes read are the masters, but for vectors
			unit = memory["zero-3"] - (z2 - w - v + part(w))
			exit !(memory["replicated"] == a["sum"] && memory["zero-1"] == z1 && memory["zero-2"] == z2 && memory["zero-3"] < z2 &&
				unit > v / 4 && unit < a["masters"] * .8 &&
				moved["replicated"] == 2 * g && moved["zero-1"] == moved["zero-2"] && moved["zero-1"] > g && moved["zero-1"] < 2.1 * g &&
				moved["zero-3"] > moved["zero-1"])
		}' "$T/out"
done
half=$(ril-update --plan -m bare --train llm,projector,vision --ranks 4 | awk '/^zero-1/ {print $3}')
float=$(ril-update --plan -m m --train llm,projector,vision --ranks 4 | awk '/^zero-1/ {print $3}')
check "weights of two bytes are gathered as such: $half of $float" awk -v h="$half" -v f="$float" 'BEGIN {exit !(h > .7 * f && h < .8 * f)}'
lora=$(ril-update --plan -m m --lora rank=2,targets=q_proj --ranks 4 | awk '/^zero-1/ {print $3}')
check "adapters are little to send: $lora" test "$lora" -gt 0 -a "$lora" -lt $((float / 50))
large=$(awk '$1 == "replicated" {print $2}' "$T/out") small=$(awk '$1 == "zero-3" {print $2}' "$T/out")
expect_exit 0 ril-update --plan -m m --ema 0.9 --ranks 8 --device-memory $(((large + small) / 2 * 20 / 19 + 1))
check "one fits, one does not: $(tail -n 4 out)" test "$(grep -cE '^(replicated .* does not fit|zero-3 .*[0-9]  fits)$' out)" = 2
expect_exit 1 ril-update --plan -m m --ranks 8 --device-memory 100k
check "none fits: $(cat err)" grep -q 'no layout of 8 ranks fits' err
ril-update --plan -m m --ranks 8 >eight
of() { awk -v l="$1" '$1 == l { print $2 }' eight; }
between=$((($(of zero-1) + $(of zero-2)) / 2 * 20 / 19 + 1))
expect_exit 0 ril-update --plan -m m --ranks 8 --zero 2 --device-memory $between
expect_exit 1 ril-update --plan -m m --ranks 8 --zero 1 --device-memory $between
check "this one does not: $(cat err)" grep -q 'zero-1 takes .* GB of each of 8 ranks' err
expect_exit 0 ril-discriminate --plan --init-from m --update --ranks 2
check "the discriminator's ranks" test "$(grep -cE '^(replicated|zero-[123]) ' "$T/out")" = 4
expect_exit 2 ril-update -m m --ranks 2 --save x; check "only a plan has ranks: $(cat err)" grep -q -- '--ranks goes with --plan' err

# ---- what it refuses ----
refuse() { local code=$1 text=$2; shift 2; expect_exit "$code" "$@"; check "'$text' in: $(tail -n 1 err)" grep -q -- "$text" err; }
refuse 2 'not groups=' ril-update --plan -m m --plan-batch prompts=3
refuse 2 'not groups=' ril-update --plan -m m --plan-batch prompt=x
refuse 2 'does not fit a prompt' ril-update --plan -m m --plan-batch prompt=5,image=90
refuse 1 'nowhere' ril-update --plan -m nowhere
refuse 2 'is no size' ril-update --plan -m m --device-memory much
mkdir half; jq '.torch_dtype = "float16"' m/config.json >half/config.json
refuse 1 '^ril-update: half: .*float masters, or passes in float (--master or --compute)' ril-update --plan -m half --master none --compute bf16
expect_exit 0 ril-update --plan -m half --master none --compute f32
expect_exit 0 ril-update --plan -m half --compute bf16
refuse 2 'goes with --plan' ril-update -m m --device-memory 80G --save x

# ---- all stages together ----
plan_all() { "$RIL_ROOT/scripts/ril-train" --plan --student bare --batch 4 -n 2 --max-new-tokens 8 --device cuda:0 --plan-batch prompt=64,image=16 "$@"; }
expect_exit 0 plan_all --update "--beta 0.01"
check "four stages" test "$(grep -c '^ril-' "$T/out")" = 4
all=$(awk '/^all stages/ {print $NF}' "$T/out")
check "their sum: $all" test "$all" = "$(awk '$1 == "sum" {n += $NF} END {print n}' "$T/out")"
check "ril-rollout has no weights of its own" test "$(sed -n '/^ril-rollout/,/^ril-d/p' "$T/out" | grep -c ^weights)" = 0
own=$(plan_all --update "--beta 0.01" --rollout --own-weights | awk '/^all stages/ {print $NF}')
check "unless told to: $own" test "$own" -gt "$all"
expect_exit 1 plan_all --update "--beta 0.01" --device-memory $((all * 8 / 10))
with=$(sed -n 's/.*would, with\(.*\) for ril-discriminate and ril-update/\1/p' "$T/err")
check "settings are named: $(cat "$T/err")" test -n "$with"
expect_exit 0 plan_all --update "--beta 0.01 $with" --discriminate "$with" --device-memory $((all * 8 / 10))
expect_exit 1 plan_all --device-memory $((all / 8))
check "or none" grep -q 'any other settings' "$T/err"
expect_exit 2 "$RIL_ROOT/scripts/ril-train" --student bare --data x --device-memory 3G

# ---- all stages of several ranks: a rank's share of the batch, and of what ranks divide among them ----
figure() { awk -v w="$1" 'index($0, w) == 1 { for (i = 1; i < NF; i++) if ($i == "GB") print $(i + 1) }' "${2-$T/out}"; }
# what one stage's own plan says of its rank, its sends: share ZERO TOOL OPTION...
share() { local zero=$1; shift; "$@" --plan --plan-batch groups=2,responses=4,length=8,prompt=64,image=16 --device cuda:0 --ranks 3 | awk -v l="zero-$zero" '$1 == l { print $2, $3 }'; }
expect_exit 0 plan_all --update "--beta 0.01" --launcher srun --ranks 3
check "layouts of both that train" test "$(grep -c '^zero-1 ' out)" = 2
read -r d_takes d_sends <<<"$(share 1 ril-discriminate --init-from bare --update)"
read -r u_takes u_sends <<<"$(share 1 ril-update -m bare --ref bare --objective ril --beta 0.01)"
check "their parts of a rank: $d_takes, $u_takes" test "$(figure rank | tr '\n' ' ')" = "$d_takes $u_takes "
check "what both send" test "$(figure 'a rank sends')" = $((d_sends + u_sends))
first=$(awk '$1 == "sum" && ++n <= 2 { s += $NF } END { print s }' out)
check "what a rank takes: $(figure 'a rank ')" test "$(figure 'a rank ' | head -n 1)" = $((first + d_takes + u_takes))
check "less than one that does it all" test "$(figure 'a rank ' | head -n 1)" -lt "$all"
check "nothing is known of hosts" test "$(grep -c '^host' out)" = 0
read -r u2_takes _ <<<"$(share 2 ril-update -m bare --ref bare --objective ril --beta 0.01)"
for zero in "--zero 2" "--zero=2 --bucket 1"; do
	expect_exit 0 plan_all --update "--beta 0.01 $zero" --launcher srun --ranks 3
	check "$zero: a rank of ril-update: $u2_takes of $u_takes" test "$(figure rank | tail -n 1)" = "$u2_takes" -a "$u2_takes" -lt "$u_takes"
done
SLURM_TASKS_PER_NODE='2(x2),1' expect_exit 0 plan_all --launcher srun --ranks 5
check "nodes as Slurm has them: $(grep ^host out)" test "$(sed -n 's/^host .* node-/node-/p' out | tr '\n' ';')" = "node-0, of 2 ranks;node-1, of 2 ranks;node-2, of 1 rank;"
SLURM_NTASKS=4 expect_exit 0 plan_all --launcher srun
check "and as many ranks" grep -q '^ranks 4:' out
hosts() { plan_all --device cpu --update "--beta 0.01" --launcher ssh --hosts one:2,two:2 --ranks 3 "$@"; }
expect_exit 0 hosts
rank=$(figure 'a rank ' | head -n 1)
check "hosts: $(grep ^host out)" test "$(grep ^host out | tr -s ' ' | cut -d ' ' -f 4-)" = "$((2 * rank)) one, of 2 ranks
$rank two, of 1 rank"
expect_exit 0 plan_all --launcher mpirun --ranks 2
check "all here" grep -q "^host .* $(uname -n), of 2 ranks$" out
expect_exit 0 plan_all --launcher mpirun --ranks 2 --launch "--hostfile x"
check "or who knows where" test "$(grep -c ^host out)" = 0
# on processors, or a GPU that all name, a host's ranks share what there is; with --device cuda each has its own
room=$((rank * 3 / 2 * 20 / 19))
expect_exit 1 hosts --device-memory $room
check "two do not fit a host: $(cat err)" grep -q "$((2 * rank)) bytes of 2 ranks on one device do not fit" err
with=$(sed -n 's/.*would, with\(.*\) for ril-discriminate and ril-update/\1/p' err)
expect_exit 0 plan_all --device cpu --update "--beta 0.01 $with" --discriminate "$with" --launcher ssh --hosts one:2,two:2 --ranks 3 --device-memory $room
expect_exit 1 hosts --device cuda:0 --device-memory $((room / 2))
expect_exit 0 hosts --device cuda --device-memory $room
taken() { plan_all --device cuda --launcher srun --ranks 3 --discriminate "--zero $1" --update "--zero $1" | awk '/^a rank  / { print $5 }'; }
expect_exit 1 plan_all --device cuda --launcher srun --ranks 3 --device-memory $((($(taken 1) + $(taken 2)) / 2 * 20 / 19 + 1))
check "gradients may be shared out, too: $(cat err)" grep -q 'would, with --zero 2 for ril-discriminate and ril-update' err
expect_exit 1 plan_all --device cuda --launcher srun --ranks 3 --device-memory $((($(taken 2) + $(taken 3)) / 2 * 20 / 19 + 1))
check "and weights: $(cat err)" grep -q 'would, with --zero 3 for ril-discriminate and ril-update' err
expect_exit 2 plan_all --launcher mpirun
check "of how many?" grep -q -- '--ranks is needed' err
test_end
