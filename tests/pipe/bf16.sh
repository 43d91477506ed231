# bf16.sh -- passes in BF16 through the tools: float and double arithmetic with the same roundings agree; a run in few bits
# (--compute bf16 --gradients bf16 --moments 8bit) resumes to the byte and learns as one in float does; a device that is not
# the host computes the same bytes, and one that knows its memory is asked first.
. "${RIL_ROOT:-.}/tests/ril_test.sh"
. "$RIL_ROOT/tests/train_model.sh"
cd "$T" || exit 1
mode=${RIL_MODES%% *} mode=${mode:-release} FAR=$RIL_ROOT/build/${mode:-release}/tests/far
few=(--compute bf16 --gradients bf16 --moments 8bit)

# ---- two builds ----
if [ -x "$RIL_ROOT/build/f64/tests/unit/nn_narrow" ] && [ -x "$RIL_ROOT/build/$mode/tests/unit/nn_narrow" ]; then
	export RIL_SHARED
	for t in nn_narrow nn_step; do
		for m in "$mode" f64; do check "$t: $m computes" env -C "$RIL_ROOT" "build/$m/tests/unit/$t" dump "$T/$t.$m"; done
		check "$t: float agrees with double" "$RIL_ROOT/build/$mode/tests/unit/$t" compare "$t.$mode" "$t.f64"
	done
else skip "no double build"; fi

# ---- the processor's BF16 products, or their steps where it has none ----
for products in wide pairs tiles; do
	check "operations, BF16 by $products" env RIL_BF16_PRODUCTS=$products "$RIL_ROOT/build/$mode/tests/ops/ops"
done

# ---- resuming ----
check "a student was made" small_student .
M="$RIL_ROOT/share/models"
for family in S "$M/teacher-b"; do
	name=$(basename "$family")
	ril-scenes -q -o "d-$name" --prefix a -n 16 --seed 4 --answers sentences
	sft() { # sft RUN STEP COUNT OPTION...
		local run=$1 step=$2 count=$3; shift 3
		ril-encode -q --compute bf16 -m "$family" --with-answers --with-pixels --batch 4 --steps 4 --start-step "$step" --count "$count" "d-$name/a.jsonl" |
			ril-update -q -m "$family" --objective sft --lr 1e-3 --train llm,projector,vision "${few[@]}" --run "$run" --start-step "$step" "$@"
	}
	for master in f32 none; do
		check "$name, master $master: four steps" sft "one-$name-$master" 0 4 --master $master
		check "$name, master $master: two steps" sft "two-$name-$master" 0 2 --master $master
		check "$name, master $master: and two more" sft "two-$name-$master" 2 2 --master $master
		check "$name, master $master: the same student" cmp "one-$name-$master/step-4/student/model.safetensors" "two-$name-$master/step-4/student/model.safetensors"
		check "$name, master $master: the same state" cmp <(ril-inspect "one-$name-$master/step-4/state.safetensors") <(ril-inspect "two-$name-$master/step-4/state.safetensors")
		check "$name, master $master: moments are saved as floats" bash -c "ril-inspect one-$name-$master/step-4/state.safetensors | grep -q '^m/.* F32 '"
	done
	# a state of 8 bits serves floats, and the other way round
	ril-encode -q --compute bf16 -m "$family" --with-answers --with-pixels --batch 4 --steps 4 --start-step 2 --count 2 "d-$name/a.jsonl" >rest.ril
	more() { ril-update -q -m "$family" --objective sft --lr 1e-3 --train llm,projector,vision --compute "$1" --gradients "$2" --moments "$3" --run "two-$name-f32" --start-step 2 --save "more-$name-$1-$3" -i rest.ril; }
	rm -rf "two-$name-f32/step-4"; check "$name: moments become floats" more bf16 bf16 f32
	rm -rf "two-$name-f32/step-4"; check "$name: passes become float" more f32 f32 8bit
done

# ---- learning: the loss of every step stays near float's, and ends as low ----
ril-scenes -q -o data --prefix a -n 240 --seed 5 --answers sentences
learn() { # learn NAME OPTION...
	local name=$1; shift
	ril-encode -q -m "$M/teacher-b" --with-answers --batch 8 --steps 30 --seed 1 data/a.jsonl |
		ril-update -q -m "$M/teacher-b" --objective sft --lr 1e-3 --warmup 3 "$@" --metrics "$name.jsonl" --save "learnt-$name"
}
check "in float" learn f32
check "in few bits" learn few "${few[@]}"
check "in few bits without masters" learn none "${few[@]}" --master none
for name in few none; do
	check "$name: $(jq -s 'map(.loss) | "\(.[0]) to \(.[-1])"' $name.jsonl), in float $(jq -s 'map(.loss) | "\(.[0]) to \(.[-1])"' f32.jsonl)" \
		jq -en --slurpfile a f32.jsonl --slurpfile b $name.jsonl '($a | map(.loss)) as $a | ($b | map(.loss)) as $b
			| ($a | length) == 30 and ($b | length) == 30 and ($a[-5:] | add) < ($a[:5] | add) / 2
			and ([range(30) | ($a[.] - $b[.]) | fabs] | add) < ($a | add) * 0.05' >same
done

# ---- RL: sampler and trainer read the same rounded model ----
ril-encode -q "${few[@]:0:2}" -m S --batch 12 --steps 2 --count 1 q.jsonl | ril-rollout -q --compute bf16 -m S -n 4 --max-new-tokens 16 --seed 3 |
	ril-score -q -o s.ril
check "a step of Dr.GRPO" ril-update -q "${few[@]}" -m S --objective dr-grpo --lr 1e-3 --metrics rl.jsonl --save RL -i s.ril
check "sampler and trainer agree to $(jq .logp_delta_mean rl.jsonl), at most $(jq .logp_delta_max rl.jsonl)" \
	jq -e '.logp_delta_mean < 0.02 and .logp_delta_max < 0.5' rl.jsonl >same

# ---- another device ----
if [ -x "$FAR/ril-update" ]; then
	chain() { # chain BIN OUT
		mkdir "$2" && "$1/ril-encode" -q --compute bf16 -m S --with-pixels --batch 6 --steps 2 --count 1 -o "$2/e.ril" q.jsonl &&
			"$1/ril-rollout" -q --compute bf16 -m S --from-pixels -n 3 --max-new-tokens 12 --seed 3 -i "$2/e.ril" -o "$2/r.ril" &&
			"$1/ril-discriminate" -q "${few[@]}" --init-from S --update --lr 1e-3 --save "$2/disc" -i "$2/r.ril" -o "$2/d.ril" &&
			ril-score -q --judge contains -i "$2/d.ril" -o "$2/s.ril" &&
			"$1/ril-update" -q "${few[@]}" -m S --objective dr-grpo --train llm,projector,vision --lr 1e-3 --beta 0.02 --run "$2/run" --save "$2/S" -i "$2/s.ril"
	}
	check "on the CPU" chain "$RIL_BIN" cpu
	check "on the device" chain "$FAR" far
	for file in disc/model.safetensors S/model.safetensors; do check "the same $file" cmp "cpu/$file" "far/$file"; done
	check "the same state" cmp <(ril-inspect cpu/run/step-1/state.safetensors) <(ril-inspect far/run/step-1/state.safetensors)
	# a device that knows its memory: what does not fit is refused before anything is done
	expect_exit 1 env RIL_FAR_MEMORY=3000000 "$FAR/ril-update" -m S --objective dr-grpo --save refused -i cpu/s.ril
	check "and says what would fit: $(cat err)" grep -q 'do not fit' err
	check "nothing was made" test ! -e refused
	expect_exit 0 env RIL_FAR_MEMORY=9000000000 "$FAR/ril-update" -q -m S --objective dr-grpo --save taken -i cpu/s.ril
	expect_exit 1 env RIL_FAR_MEMORY=300000 "$FAR/ril-rollout" -m S -n 3 -i cpu/e.ril -o refused.ril
else skip "no hostile device"; fi
test_end
