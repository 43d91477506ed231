# imitation.sh -- what a discriminator may be told: label smoothing, losses of pairs, continuous rewards, replay, R1; the losses and
# rewards are computed again from the recorded logits, in jq.  A teacher's distribution as a term of the student's loss.
. "${RIL_ROOT:-.}/tests/ril_test.sh"
. "$RIL_ROOT/tests/train_model.sh"
cd "$T" || exit 1
check "a student was made" small_student .
STEPS=4
# steps START COUNT: a stream of these
steps() {
	ril-encode -q -m S --batch 6 --steps $STEPS --seed 3 --save-every 1 --start-step "$1" --count "$2" q.jsonl |
		ril-rollout -q -m S -n 3 --max-new-tokens 16 --seed 3 --start-step "$1" |
		ril-teach -q --tokenizer S --cache cache.jsonl -n 2 --allow-missing --seed 3
}
steps 0 2 >first.ril
steps 2 2 >second.ril
cat first.ril second.ril >t.ril
# judge NAME OPTION...: judges, or with --update learns, the whole stream
judge() { local name=$1; shift; ril-discriminate -q --init-from S --seed 3 --metrics "$name.jsonl" -i t.ril -o "$name.ril" "$@"; }
# numbers FILE FIELD: one group a line, as JSON lists
numbers() { ril-inspect --field "$2" "$1" | cut -f 2 | jq -R -c 'split(" ") | map(tonumber)'; }
# groups FILE: {z:, s:} of each: logits and sources
groups() { paste <(numbers "$1" disc.logit) <(numbers "$1" resp.source) | jq -c -n '[inputs] | . as $x | range(0; length; 2) | {z: $x[.], s: $x[. + 1]}'; }
less() { awk -v a="$1" -v b="$2" 'BEGIN { exit !(a < b) }'; }
near() { awk -v a="$1" -v b="$2" 'BEGIN { d = a - b; exit !(d < 2e-6 && d > -2e-6 && a != "" && b != "") }'; }

# ---- the rewards, from the logits ----
for how in threshold probability logit; do
	check "$how" judge $how --similarity $how
	numbers $how.ril disc.logit >z; numbers $how.ril reward.similarity >r
	case $how in
	threshold) f='if . < 0 then 1 else 0 end' ;;
	probability) f='1 / (1 + exp)' ;;
	logit) f='-.' ;;
	esac
	check "$how is what it says" test "$(paste -d ' ' z r | jq -s --argjson _ 0 "[., []] | .[0] as \$x | [range(0; \$x | length; 2) | [(\$x[.] | map($f)), \$x[. + 1]] | transpose[] | (.[0] - .[1]) | fabs] | max < 1e-6")" = true
done
check "the logits are the same" cmp <(numbers threshold.ril disc.logit) <(numbers logit.ril disc.logit)
check "the default" judge default
check "is the threshold" cmp <(numbers default.ril reward.similarity) <(numbers threshold.ril reward.similarity)
check "of pairs" judge pairs --disc-loss bradley-terry
check "the score is the reward" cmp <(numbers pairs.ril reward.similarity) <(numbers logit.ril reward.similarity)
check "unless told" judge pairs-half --disc-loss bradley-terry --similarity threshold
check "otherwise" cmp <(numbers pairs-half.ril reward.similarity) <(numbers threshold.ril reward.similarity)

# ---- blind: the same words under other pictures ----
under() { # under PICTURE NAME: the teachers' answers, every picture that one
	jq -c --arg p "$1" '.image = $p' q.jsonl >"$2-q.jsonl"
	ril-encode -q -m S --batch 6 --steps 1 --image-root . "$2-q.jsonl" | ril-teach -q --tokenizer S --cache cache.jsonl -n 2 --allow-missing --seed 3 >"$2.ril"
}
logits() { ril-discriminate -q --init-from S --seed 3 -i "$1.ril" -o judged.ril "${@:2}" && numbers judged.ril disc.logit >"$1.z"; }
check "one picture" under "$(jq -rs '.[0].image' q.jsonl)" here
check "and another" under "$(jq -rs '.[1].image' q.jsonl)" there
check "who sees" logits here; check "sees" logits there
check "the difference" test "$(cmp -s here.z there.z; echo $?)" = 1
cp here.z seen.z
check "who does not" logits here --blind; check "does not" logits there --blind
check "see it" cmp here.z there.z
check "nor what one sees" test "$(cmp -s here.z seen.z; echo $?)" = 1
check "a blind one learns" ril-discriminate -q --init-from S --update --lr 1e-3 --blind --seed 3 --metrics blind.jsonl -i t.ril -o /dev/null
check "it does" test "$(jq -s '.[-1].after.loss < .[-1].before.loss' blind.jsonl)" = true

# ---- the losses, from the logits: of the whole stream as one batch ----
softplus='def softplus: if . > 0 then . + (1 + (-. | exp) | log) else (1 + exp | log) end;'
loss() { jq '.before.loss' "$1.jsonl" | tail -n 1; }
last_groups() { groups "$1" | tail -n 6; }
check "smoothed" judge smooth --label-smoothing 0.2
bce=$softplus'[.[] | [.z, .s] | transpose[]] | (map(select(.[1] == 0)[0]) | map(.9 * (-. | softplus) + .1 * softplus) | add / length) / 2
	+ (map(select(.[1] > 0)[0]) | map(.9 * softplus + .1 * (-. | softplus)) | add / length) / 2'
check "its loss" near "$(loss smooth)" "$(last_groups smooth.ril | jq -s "$bce")"
pairs=$softplus'[.[] | . as $g | range(.z | length) as $i | range(.z | length) as $k | select($g.s[$i] == 0 and $g.s[$k] > 0) | $g.z[$k] - $g.z[$i]]'
check "loss of pairs" near "$(loss pairs)" "$(last_groups pairs.ril | jq -s "$pairs | map(softplus) | add / length")"
check "their accuracy" near "$(tail -n 1 pairs.jsonl | jq .before.student_accuracy)" "$(last_groups pairs.ril | jq -s '[.[] | . as $g | range(.z | length) as $i | select($g.s[$i] == 0) |
	[range(.z | length) | select($g.s[.] > 0) | if $g.z[$i] > $g.z[.] then 1 else 0 end] | select(length > 0) | add / length] | add / length')"

# ---- learning ----
# goes_on NAME OPTION...: four steps, and two and two more with another number of threads
goes_on() {
	local weights name=$1 d=(ril-discriminate -q --init-from S --update --lr 2e-3 --seed 3)
	shift
	check "$name" "${d[@]}" "$@" --run "$name" --threads 1 --metrics "$name.jsonl" -i t.ril -o "$name.ril"
	check "$name, half" "${d[@]}" "$@" --run "$name-2" --threads 2 -i first.ril -o half.ril
	mv "$name-2/step-2.tmp" "$name-2/step-2"
	check "$name, resumed" "${d[@]}" "$@" --run "$name-2" --start-step 2 -i second.ril -o rest.ril
	for weights in "$name/step-$STEPS.tmp/disc"/*model.safetensors; do # an adapter's, too
		check "$name: as without a stop" cmp "$weights" "$name-2/${weights#*/}"
	done
	check "$name: and its state" cmp "$name/step-$STEPS.tmp/disc-state.safetensors" "$name-2/step-$STEPS.tmp/disc-state.safetensors"
	check "$name: and what it says" cmp <(numbers "$name.ril" disc.logit | tail -n 12) <(numbers rest.ril disc.logit)
}
goes_on plain
goes_on smoothed --label-smoothing 0.2
goes_on bt --disc-loss bradley-terry
goes_on replay --replay 9
check "nothing to replay at first, then what there is" test "$(jq -c .replayed replay.jsonl | tr '\n' ' ')" = 'null 6 6 6 '
check "the buffer is bounded" test "$(ril-inspect -q --check replay/step-$STEPS.tmp/disc-replay.ril 2>&1 | grep -o '[0-9]* groups')" = '9 groups'
check "and goes on, to the byte" cmp replay/step-$STEPS.tmp/disc-replay.ril replay-2/step-$STEPS.tmp/disc-replay.ril
check "no group twice in it that came once" test "$(ril-inspect --field resp.ids replay/step-$STEPS.tmp/disc-replay.ril | sort | uniq -d | wc -l)" -eq 0
goes_on replay-some --replay 4 --replay-groups 2 --disc-loss bradley-terry
check "so many" test "$(jq -c .replayed replay-some.jsonl | tr '\n' ' ')" = 'null 2 2 2 '
expect_exit 1 ril-discriminate -q --init-from S --update --run replay-2 --start-step 2 --replay 3 -i second.ril -o x.ril; check "says what" grep -q 'more than 3 groups (--replay' err
expect_exit 1 ril-discriminate -q --init-from S --update --run plain-2 --start-step 2 --replay 3 -i second.ril -o x.ril; check "a run without" grep -q 'disc-replay.ril' err
expect_exit 2 judge x --replay 3
expect_exit 2 judge x --update --replay-groups 3
goes_on r1 --r1 30 --r1-sigma 0.2
check "what it says of noise" test "$(jq -s 'map(.r1 > 0) | all' r1.jsonl)" = true
goes_on r1-replay --r1 30 --replay 9 --disc-loss bradley-terry --label-smoothing 0.1
goes_on r1-lora --r1 30 --lora rank=4 --disc-steps 2
hardly() { ril-discriminate -q --init-from S --update --lr 2e-3 --seed 3 --metrics "$1.jsonl" -i t.ril -o "$1.ril" "${@:2}"; }
check "hardly a penalty" hardly little --r1 1e-9 --r1-sigma 0.2
check "the same noise at first" near "$(head -n 1 little.jsonl | jq .r1)" "$(head -n 1 r1.jsonl | jq .r1)"
check "is as none" near "$(tail -n 1 little.jsonl | jq .after.loss)" "$(tail -n 1 plain.jsonl | jq .after.loss)"
check "much of it" hardly steady --r1 300 --r1-sigma 0.2
later() { jq -s '[.[1:][].r1] | add' "$1.jsonl"; }
check "D becomes steadier: $(later steady), else $(later little)" less "$(later steady)" "$(later little | jq '. / 4')"
check "noise has its seed" hardly seeded --r1 1e-9 --r1-sigma 0.2 --seed 4
check "another" test "$(head -n 1 seeded.jsonl | jq .r1)" != "$(head -n 1 little.jsonl | jq .r1)"
check "more noise" hardly louder --r1 1e-9 --r1-sigma 0.4
check "moves it more" less "$(head -n 1 little.jsonl | jq '2 * .r1')" "$(head -n 1 louder.jsonl | jq .r1)"
check "a tenth, unless told" hardly tenth --r1 30
check "it is" hardly told --r1 30 --r1-sigma 0.1
check "to the byte" cmp <(jq .r1 tenth.jsonl) <(jq .r1 told.jsonl)
check "in parts" hardly parts --r1 30 --r1-sigma 0.2 --micro-batch 2 --recompute block
check "the same penalty" near "$(head -n 1 parts.jsonl | jq .r1)" "$(head -n 1 r1.jsonl | jq .r1)"
check "nothing is said without" test "$(jq -s 'map(has("r1")) | any' plain.jsonl)" = false
check "planned: what is computed once more takes memory" test "$(ril-discriminate --plan --plan-batch groups=1 --init-from S --update --r1 1 | awk '$1 == "activations" {print $NF}')" -gt "$(ril-discriminate --plan --plan-batch groups=1 --init-from S --update | awk '$1 == "activations" {print $NF}')"
expect_exit 2 judge x --r1 3; check "says what" grep -q -- '--r1 needs --update' err
expect_exit 2 judge x --update --r1-sigma 0.3
expect_exit 2 judge x --update --r1 -1
check "pairs are learnt" test "$(jq -s 'last.after.accuracy > first.before.accuracy and last.after.loss < first.before.loss' bt.jsonl)" = true
for name in smoothed bt replay r1; do
	check "$name is another" test "$(cmp -s $name/step-$STEPS.tmp/disc/model.safetensors plain/step-$STEPS.tmp/disc/model.safetensors; echo $?)" = 1
done
ril-encode -q -m S --batch 6 --steps 1 q.jsonl | ril-rollout -q -m S -n 3 --max-new-tokens 8 -o alone.ril
check "nor is anything said of their noise" hardly alone --r1 30 -i alone.ril
check "null" test "$(jq 'has("r1")' alone.jsonl)" = false
check "without teachers nothing is learnt of pairs" ril-discriminate -q --init-from S --update --lr 1 --disc-loss bradley-terry --save D1 -i alone.ril -o x.ril
check "to the byte" ril-discriminate -q --init-from S --update --lr 0 --save D0 -i alone.ril -o x.ril
check "what it was" cmp D0/model.safetensors D1/model.safetensors
expect_exit 2 judge x --label-smoothing 2
expect_exit 2 judge x --blind --update --train llm,projector; check 'a blind one has no projector to train' grep -q -e '--train llm,projector' "$T/err"
expect_exit 2 judge x --similarity half

# ---- a teacher's distribution ----
ril-encode -q -m S --with-answers --batch 20 --steps 6 t/q.jsonl | ril-update -q -m S --objective sft --lr 5e-3 --save teacher
# nothing to learn but from the teacher
responses() { ril-encode -q -m S --with-pixels --batch 6 --steps 4 --seed 3 --save-every 1 --start-step "$1" --count "$2" q.jsonl | ril-rollout -q -m "$3" -n 3 --max-new-tokens 12 --seed 3 --start-step "$1"; }
responses 0 1 S | ril-score -q --reward '0*answer' -o zero.ril
responses 0 1 S | ril-score -q -o answer.ril
# distill NAME STREAM OPTION...
distill() { local name=$1 in=$2; shift 2; ril-update -q -m S --objective dr-grpo --lr 1e-3 --metrics "$name.jsonl" --save "$name" -i "$in" "$@"; }
zero=(zero.ril --reward-field reward)
kl() { jq .distill_kl "$1.jsonl" | tail -n 1; }
check "from itself" distill itself "${zero[@]}" --distill S
check "there is nothing to learn" cmp itself/model.safetensors S/model.safetensors
check "and no divergence" test "$(kl itself)" = 0
for how in forward reverse; do
	check "$how" distill $how "${zero[@]}" --distill teacher --distill-kl $how
	check "$how, longer" distill $how-longer "${zero[@]}" --distill teacher --distill-kl $how --mu 20
	check "$how: $(kl $how), later $(kl $how-longer)" less "$(kl $how-longer)" "$(kl $how)"
	check "$how is what the loss is made of" near "$(jq .loss $how.jsonl)" "$(kl $how)"
done
check "reverse is the default" distill default-kl "${zero[@]}" --distill teacher
check "to the byte" cmp default-kl/model.safetensors reverse/model.safetensors
check "its weight" distill half "${zero[@]}" --distill teacher --distill-weight 0.5
check "halves the loss" near "$(jq .loss half.jsonl)" "$(kl reverse | jq '. / 2')"
check "beside rewards" distill both answer.ril --distill teacher
check "which count" test "$(cmp -s both/model.safetensors reverse/model.safetensors; echo $?)" = 1
check "with any number of threads" distill threads "${zero[@]}" --distill teacher --threads 1
check "the same" cmp threads/model.safetensors reverse/model.safetensors
check "in parts" distill parts "${zero[@]}" --distill teacher --micro-batch 2 --recompute block
check "the same divergence" near "$(kl parts)" "$(kl reverse)"
check "of answers" sh -c "ril-encode -q -m S --with-answers --with-pixels --batch 20 --steps 1 sft.jsonl | ril-update -q -m S --objective sft --distill teacher --distill-kl forward --lr 1e-3 --metrics sft-kl.jsonl --save answers"
check "it is there" less 0 "$(kl sft-kl)"
check "planned" test "$(ril-update --plan -m S --distill teacher | awk '$1 == "weights" {print $NF}')" -gt "$(ril-update --plan -m S | awk '$1 == "weights" {print $NF}')"
expect_exit 1 distill x "${zero[@]}" --distill "$RIL_ROOT/share/models/teacher-b"; check "says why" grep -q "tokenizer is not the student's (--distill" err
ril-encode -q -m S --batch 2 --steps 1 q.jsonl | ril-rollout -q -m S -n 2 --max-new-tokens 4 | ril-score -q -o eyeless.ril
expect_exit 1 distill x eyeless.ril --distill teacher; check "a teacher looks for itself" grep -q 'vision.pixels is missing' err
check "nothing was written" test ! -e x
test_end
