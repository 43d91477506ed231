# optim.sh -- what the optimiser is told, through the tools: the rates of every step, groups of weight decay, frozen parameters,
# the weights' average, Muon; each goes on after a stop to the byte, with any number of threads.
. "${RIL_ROOT:-.}/tests/ril_test.sh"
. "$RIL_ROOT/tests/train_model.sh"
cd "$T" || exit 1
check "a student was made" small_student .
STEPS=6
# sft RUN START COUNT OPTION...
sft() {
	local run=$1 start=$2 count=$3
	shift 3
	ril-encode -q -m S --with-answers --batch 6 --steps $STEPS --start-step "$start" --count "$count" --shuffle --seed 3 --save-every 1 sft.jsonl |
		ril-update -q -m S --objective sft --lr 2e-3 --steps $STEPS --seed 3 --keep 0 --run "$run" --start-step "$start" --metrics "$run.jsonl" "$@"
}
# tensor FILE FROM TO: these bytes of what follows the header
header() { od -An -t u8 -N 8 "$1" | tr -d ' '; }
tensor() { tail -c +$((9 + $(header "$1") + $2)) "$1" | head -c $(($3 - $2)); }
# named FILE PATTERN: name, first byte, end of each tensor with such a name
named() {
	head -c $((8 + $(header "$1"))) "$1" | tail -c +9 | jq -r --arg p "$2" 'del(.__metadata__) | to_entries | sort_by(.key)[] |
		select(.key | test($p)) | [.key, .value.data_offsets[]] | @tsv'
}
# weights FILE PATTERN: a line for each: name and sum of its bytes
weights() {
	local name from to
	named "$1" "$2" | while read -r name from to; do echo "$name $(tensor "$1" "$from" "$to" | sha256sum)"; done
}
# bytes other than 0 in them
nonzero() {
	local name from to
	named "$1" "$2" | while read -r name from to; do tensor "$1" "$from" "$to"; done | tr -d '\000' | wc -c
}
same_run() { # same_run A B FILE...
	local f a=$1 b=$2
	shift 2
	for f; do cmp "$a/step-$STEPS/$f" "$b/step-$STEPS/$f" || return 1; done
}
# goes_on WHAT FILES OPTION...: six steps, and three and three more with other threads
goes_on() {
	local what=$1 files=$2
	shift 2
	check "$what" sft "$what" 0 $STEPS --threads 1 "$@"
	check "$what, half" sft "$what-2" 0 3 --threads 2 "$@"
	check "$what, resumed" sft "$what-2" 3 3 --threads 1 "$@"
	# shellcheck disable=SC2086  # a list of files
	check "$what: as without a stop" same_run "$what" "$what-2" $files
	# the state's settings are the command line, so its tensors are compared
	check "$what: and its state" cmp <(weights "$what/step-$STEPS/state.safetensors" .) <(weights "$what-2/step-$STEPS/state.safetensors" .)
}
rates() { jq -s --argjson lr 2e-3 --argjson want "$2" 'map(.lr / $lr) | [., $want] | transpose | map((.[0] - .[1]) | fabs) | max < 1e-8' "$1" | grep -q true; }
M=student/model.safetensors

# ---- checkpoints that are dropped ----
check "two steps" sft dropped 0 2 --keep 1
check "goes on, past where the first one is dropped" sft dropped 2 4 --keep 1
check "the last one, and the one it went on from" test "$(cd dropped && echo step-*)" = "step-2 step-$STEPS"

# ---- rates ----
goes_on wsd $M --schedule wsd --warmup 2 --decay-steps 2 --decay-shape linear --min-lr-ratio 0.1
check "warm-up, stable, decay" rates wsd.jsonl '[0.5, 1, 1, 1, 0.55, 0.1]'
check "1-sqrt" sft sqrt 0 $STEPS --schedule wsd --decay-steps 4 --decay-shape 1-sqrt
check "its rates" rates sqrt.jsonl '[1, 1, 0.5, 0.2928932188, 0.1339745962, 0]'
check "a tenth of the steps" sft tenth 0 $STEPS --schedule wsd
check "its rates" rates tenth.jsonl '[1, 1, 1, 1, 1, 0]'

# ---- weight decay ----
check "a step without" sft without 0 1
check "decay of matrices" sft matrices 0 1 --weight-decay 50
check "decay of everything" sft everything 0 1 --weight-decay 50 --weight-decay-all
vectors='bias$|norm.weight$'
check "vectors do not decay" cmp <(weights matrices/step-1/$M $vectors) <(weights without/step-1/$M $vectors)
check "matrices do" test "$(weights matrices/step-1/$M proj.weight)" != "$(weights without/step-1/$M proj.weight)"
check "embeddings do" test "$(weights matrices/step-1/$M embed)" != "$(weights without/step-1/$M embed)"
check "told to, vectors do" test "$(weights everything/step-1/$M model.norm)" != "$(weights without/step-1/$M model.norm)"
check "the same of matrices" cmp <(weights matrices/step-1/$M proj.weight) <(weights everything/step-1/$M proj.weight)
goes_on decayed $M --weight-decay 0.1
goes_on decayed8 $M --weight-decay 0.1 --moments 8bit

# ---- frozen parameters ----
goes_on frozen $M --freeze '*embed_tokens*,model.layers.[01].*' --weight-decay 0.1
check "they are what they were" cmp <(weights frozen/step-$STEPS/$M 'embed|layers.[01].') <(weights S/model.safetensors 'embed|layers.[01].')
check "others are not" test "$(weights frozen/step-$STEPS/$M layers.2)" != "$(weights S/model.safetensors layers.2)"
check "no state of theirs" test -z "$(weights frozen/step-$STEPS/state.safetensors 'embed|layers.[01].')"
bytes() { awk -v w="$1" '$1 == w {print $NF}' "$2"; }
ril-update --plan -m S >whole
ril-update --plan -m S --freeze '*embed_tokens*,model.layers.[01].*' >part
for what in masters gradients moments activations; do
	check "less for $what" test "$(bytes $what part)" -lt "$(bytes $what whole)"
done
expect_exit 1 sft x 0 1 --freeze 'model.layer.*'; check "says which" grep -q "like the pattern 'model.layer.\*' (--freeze" err
expect_exit 1 sft x 0 1 --freeze '*'; check "says what" grep -q 'nothing to train' err
expect_exit 3 sft frozen-2 $STEPS 1; check "a state without them" grep -q "model.embed_tokens.weight': missing" err
check "adapters" sft lora 0 1 --lora rank=2 --freeze '*q_proj.weight'
check "fresh ones of a frozen layer stay zero" test "$(nonzero lora/step-1/student/adapter_model.safetensors 'q_proj.lora_B')" -eq 0
check "others do not" test "$(nonzero lora/step-1/student/adapter_model.safetensors 'k_proj.lora_B')" -gt 0

# ---- the weights' average ----
goes_on ema "$M ema/model.safetensors" --ema 0.5
check "the student is the same without" sft plain 0 $STEPS
check "to the byte" cmp ema/step-$STEPS/$M plain/step-$STEPS/$M
check "a folder of its own" test -s ema/step-$STEPS/ema/config.json -a -s ema/step-$STEPS/ema/tokenizer.json
check "none without" test ! -e plain/step-$STEPS/ema
floats() { tail -c +$((9 + $(header "$1"))) "$1" | od -An -v -w4 -t f4; }
for step in $(seq $STEPS); do floats ema/step-$step/$M >weights-$step; done
floats S/model.safetensors >weights-0
# e = e/2 + w/2 from the start on, a column a step, beside what was saved
check "it is the average of the checkpoints" bash -c "$(declare -f floats header)"'
	paste weights-[0-'$STEPS'] <(floats ema/step-'$STEPS'/ema/model.safetensors) |
	awk "{ e = \$1; for (i = 2; i < NF; i++) e = (e + \$i) / 2; d = e - \$NF; if (d > 1e-6 || d < -1e-6) wrong++ } END { exit !(NR > 1000 && !wrong) }"'
check "in BF16, without masters" sft few 0 2 --ema 0.9 --master none --save-ema averaged
check "written at the end, too" cmp averaged/model.safetensors few/step-2/ema/model.safetensors
check "planned" test "$(ril-update --plan -m S --ema 0.9 | awk '$1 == "average" {print $NF}')" = "$(ril-update --plan -m S | awk '$1 == "masters" {print $NF}')"
expect_exit 2 ril-update -q -m S --save-ema y; check "says what" grep -q 'needs --ema' err
expect_exit 3 sft plain $STEPS 1 --ema 0.5; check "a state without it" grep -q "'ema/model.*': missing" err
check "adapters' average" sft lora 0 2 --lora rank=2 --ema 0.5
check "is a folder of them" ril-merge -q -m lora/step-2/ema -o merged

# ---- Muon ----
goes_on muon $M --optimizer muon --weight-decay 0.1
goes_on muon-ema "$M ema/model.safetensors" --optimizer muon --momentum 0.9 --muon-scale original --ema 0.9 --freeze '*layers.0.*'
check "another student than AdamW's" test "$(weights muon/step-$STEPS/$M .)" != "$(weights decayed/step-$STEPS/$M .)"
check "the scale counts" test "$(sft rms 0 1 --optimizer muon; weights rms/step-1/$M layers)" != "$(sft jordan 0 1 --optimizer muon --muon-scale original; weights jordan/step-1/$M layers)"
check "and leaves AdamW's parameters alone" test "$(weights rms/step-1/$M 'embed|norm|bias')" = "$(weights jordan/step-1/$M 'embed|norm|bias')"
moments() { named "$1" "^$2/" | cut -f 1 | sed "s,^$2/,," | sort; }
check "momentum of all" test "$(moments muon/step-$STEPS/state.safetensors m)" = "$(moments decayed/step-$STEPS/state.safetensors m)"
check "second moments of embeddings, norms and biases" test "$(moments muon/step-$STEPS/state.safetensors v)" = "$(moments decayed/step-$STEPS/state.safetensors v | grep 'embed\|norm\|bias')"
ril-encode -q -m S --with-answers --with-pixels --batch 6 --steps 2 -o pixels.ril sft.jsonl
check "with the tower" ril-update -q -m S --objective sft --optimizer muon --lr 1e-3 --train llm,projector,vision --run eyes -i pixels.ril
check "what cuts pictures is AdamW's" grep -qx visual.patch_embed.proj.weight <(moments eyes/step-2/state.safetensors v)
check "its layers are not" test -z "$(moments eyes/step-2/state.safetensors v | grep 'blocks.*proj.weight\|merger.mlp.*weight')"
check "adapters" sft lora-muon 0 2 --optimizer muon --lora rank=2
check "are matrices" test -z "$(moments lora-muon/step-2/state.safetensors v)"
check "in BF16" sft bf16 0 2 --optimizer muon --compute bf16 --gradients bf16
check "finite" jq -es 'map(.loss) | all(. < 10)' bf16.jsonl >/dev/null
for how in '--master none' '--moments 8bit'; do
	# shellcheck disable=SC2086  # an option and its value
	expect_exit 2 sft x 0 1 --optimizer muon $how; check "says which" grep -q -- "(${how% *}" err
done
expect_exit 1 sft muon $STEPS 0 --optimizer adamw; check "another's state" grep -q "optimizer 'muon', not of adamw" err
ril-update --plan -m S --optimizer muon >plan
check "planned" test "$(bytes moments plan)" -lt "$(bytes moments whole)"
test_end
