# lora.sh -- adapters through the pipeline: the resident loop begins them, gives the bytes of the same steps through files, goes
# on after a stop, with dropout of what the adapters are given; a discriminator of adapters over the student's base; the base is not written again; merged is the same
# model; what does not fit is refused.
. "${RIL_ROOT:-.}/tests/ril_test.sh"
. "$RIL_ROOT/tests/train_model.sh"
cd "$T" || exit 1
check "a student was made" small_student .
STEPS=3 SPEC=rank=4,alpha=8,dropout=0.1
encode=(ril-encode -q -m S --batch 6 --steps $STEPS --seed 3 --save-every 1)
rollout=(ril-rollout -q -n 4 --max-new-tokens 24 --seed 3)
update=(ril-update -q --objective ril --beta 0.02 --lr 2e-3 --seed 3 --keep 0)
disc=(ril-discriminate -q --update --lr 2e-3 --seed 3)
# resident RUN START COUNT
resident() {
	rm -f edge; mkfifo edge
	"${encode[@]}" --start-step "$2" --count "$3" q.jsonl | "${rollout[@]}" -m S --edge edge --start-step "$2" |
		ril-teach -q --tokenizer S --cache cache.jsonl -n 1 --allow-missing --seed 3 |
		"${disc[@]}" --init-from S --lora $SPEC --run "$1" --start-step "$2" | ril-score -q --judge contains |
		"${update[@]}" -m S --lora $SPEC --run "$1" --start-step "$2" --edge edge --versions "$1.versions"
	[ "${PIPESTATUS[*]}" = '0 0 0 0 0 0' ]
}
files() {
	local p student d
	for p in $(seq 0 $((STEPS - 1))); do
		student=$1/step-$p/student
		[ "$p" -gt 0 ] || student=S
		"${encode[@]}" --start-step "$p" --count 1 -o e.ril q.jsonl && "${rollout[@]}" -m "$student" --start-step "$p" -i e.ril -o r.ril &&
			ril-teach -q --tokenizer S --cache cache.jsonl -n 1 --allow-missing --seed 3 -i r.ril -o t.ril &&
			"${disc[@]}" --init-from S --lora $SPEC --run "$1" --start-step "$p" -i t.ril -o d.ril &&
			ril-score -q --judge contains -i d.ril -o s.ril &&
			"${update[@]}" -m S --lora $SPEC --run "$1" --start-step "$p" -i s.ril || return 1
	done
}
same() { cmp "$1/step-$STEPS/$3/adapter_model.safetensors" "$2/step-$STEPS/$3/adapter_model.safetensors"; }
check "resident" resident one 0 3
check "through files" files files
check "the same adapters of the student" same one files student
check "and of the discriminator" same one files disc
check "one step" resident half 0 1
check "resumed" resident half 1 2
check "the same as without a stop" same one half student
check "and of the discriminator, with its head" same one half disc
check "no version is left" test -z "$(ls one.versions)"
check "a step changed them" test "$(cmp -s one/step-1/student/adapter_model.safetensors one/step-3/student/adapter_model.safetensors; echo $?)" = 1
check "the base is not in the checkpoint" test ! -e one/current/student/model.safetensors
check "adapters are small" test "$(stat -Lc %s one/current/student/adapter_model.safetensors)" -lt "$(stat -c %s S/model.safetensors)"
check "what they are" jq -e '.peft_type == "LORA" and .r == 4 and .lora_alpha == 8 and .lora_dropout == 0.1 and (.target_modules | length) > 0' one/current/student/adapter_config.json >/dev/null
D=one/step-$STEPS/disc
check "the discriminator's has its head" jq -e '.modules_to_save == ["score"]' $D/adapter_config.json >/dev/null
check "among the tensors" test "$(ril-inspect $D | grep -c 'base_model.model.score')" -eq 2

# the base, its adapters, and the two in one
A=one/current/student
check "merged" ril-merge -q -m $A -o merged
check "a model folder" test -s merged/model.safetensors -a ! -e merged/adapter_config.json
ril-encode -q -m S --with-answers --batch 12 --steps 1 -o e2.ril q.jsonl
for m in S $A merged; do rm -f loss; ril-update -q -m $m --objective sft --lr 0 -i e2.ril --metrics loss && jq .loss loss; done >losses
check "adapters are another model than the base" test "$(sed -n 1p losses)" != "$(sed -n 2p losses)"
check "merged is the same model: $(tr '\n' ' ' <losses)" awk 'NR == 2 { a = $1 } NR == 3 { d = a - $1; exit !(d < 1e-6 && d > -1e-6 && a > 0) }' losses
check "encoding takes a folder of adapters" ril-encode -q -m $A --count 1 -o x.ril q.jsonl
mkdir bare && cp $A/adapter_* bare
check "with the base's tokenizer and settings, where they have none" sh -c "ril-encode -q -m bare --count 1 q.jsonl | ril-rollout -q -m bare -n 1 -o x.ril"
teach() { ril-encode -q -m S --with-pixels --count 1 q.jsonl | ril-rollout -q -m S -n 1 | ril-teach -q -m "$1" --tokenizer S --image-root . -n 1 --greedy --save "$2" -o x.ril; }
check "a teacher" teach $A by-adapters.jsonl
check "the same as of the merged" teach merged by-merged.jsonl
check "the same answers" cmp <(jq -r .response by-adapters.jsonl) <(jq -r .response by-merged.jsonl)
check "questions checked for one" ril-encode -q --check -m bare q.jsonl
check "inspected" sh -c "ril-inspect $A | grep -q lora_A"

# dropout: in the passes that train, and in no other
ril-encode -q -m S --with-pixels --batch 6 --steps 1 --seed 3 q.jsonl | ril-rollout -q -m S -n 4 --max-new-tokens 12 --seed 3 |
	ril-teach -q --tokenizer S --cache cache.jsonl -n 1 --allow-missing --seed 3 -o t.ril
ril-discriminate -q --init-from S -i t.ril | ril-score -q --judge contains -o s.ril
# step NAME OPTIONS...: one step of all parts' adapters
step() { ril-update -q -m S --objective ril --beta 0.02 --mu 2 --train llm,projector,vision --lr 1e-2 --seed 3 -i s.ril -o "$1.ril" --save "$1" --metrics "$1.jsonl" "${@:2}"; }
like() { cmp "$1/adapter_model.safetensors" "$2/adapter_model.safetensors"; }
unlike() { [ "$(cmp -s "$1/adapter_model.safetensors" "$2/adapter_model.safetensors"; echo $?)" = 1 ]; }
check "without" step plain --lora rank=2
check "with a probability of 0" step zero --lora rank=2,dropout=0
check "is the same bytes" like plain zero
check "with 0.2" step drop --lora rank=2,dropout=0.2 --threads 1
check "is others" unlike plain drop
for how in "--threads 3" "--recompute cheap" "--recompute block --threads 2"; do
	# shellcheck disable=SC2086
	check "$how" step again --lora rank=2,dropout=0.2 $how
	check "the same bytes with $how" like drop again
	rm -r again
done
check "micro-batches" step small --lora rank=2,dropout=0.2 --micro-batch 1
check "have the same masks" jq -n --slurpfile a drop.jsonl --slurpfile b small.jsonl -e '
	[$a[0].loss, $b[0].loss] as [$x, $y] | ($x - $y | fabs) <= 1e-5 * ($x | fabs)' >/dev/null
check "another seed" step other --lora rank=2,dropout=0.2 --seed 4
check "has others" unlike drop other
for field in logp.old logp.ref; do
	check "$field knows no dropout" cmp <(ril-inspect --field $field plain.ril) <(ril-inspect --field $field drop.ril)
done
check "a ratio does: $(jq -c .student.ratio drop.jsonl)" jq -e '.student.ratio != 1' drop.jsonl >/dev/null
cp -r drop still; jq '.lora_dropout = 0' drop/adapter_config.json >still/adapter_config.json
for m in drop still; do ril-rollout -q -m $m --replace -n 2 --max-new-tokens 12 --seed 3 -i t.ril -o $m.r.ril; done
for m in drop still; do rm -f 0.jsonl; ril-update -q -m $m --objective sft --lr 0 --metrics 0.jsonl -i e2.ril; jq .loss 0.jsonl; done >measured
check "measuring has none: $(tr '\n' ' ' <measured)" test "$(sort -u measured | wc -l)" -eq 1
check "sampling does not" cmp <(ril-inspect --field resp.logp drop.r.ril) <(ril-inspect --field resp.logp still.r.ril)
check "as the folder has it" ril-update -q -m drop --objective sft --lr 1e-2 --seed 3 -i e2.ril --save drop2
check "without, where it has none" ril-update -q -m still --objective sft --lr 1e-2 --seed 3 -i e2.ril --save still2
check "trains otherwise" unlike drop2 still2
disc() { ril-discriminate -q --init-from S --update --lr 1e-2 --seed 3 --disc-steps 2 -i t.ril --save "$1" -o "$1.ril" "${@:2}"; }
check "a discriminator's" disc d1 --lora rank=2,dropout=0.2 --threads 1
check "another time" disc d2 --lora rank=2,dropout=0.2 --threads 2 --recompute block
check "the same bytes" like d1 d2
check "without" disc d3 --lora rank=2
check "others" unlike d1 d3
for m in d1 d4; do [ -d $m ] || { cp -r d1 $m; jq '.lora_dropout = 0' d1/adapter_config.json >$m/adapter_config.json; }; ril-discriminate -q -m $m -i t.ril -o $m.j.ril; done
check "which is read again" test -s d1.j.ril -a -s d4.j.ril
check "it judges without" cmp <(ril-inspect --field disc.logit d1.j.ril) <(ril-inspect --field disc.logit d4.j.ril)
check "as it did once it had learnt" cmp <(ril-inspect --field disc.logit d1.ril) <(ril-inspect --field disc.logit d1.j.ril)
expect_exit 2 ril-update -q -m drop --objective sft --lora rank=2 -i e2.ril --save x; check "says which" grep -q 'dropout 0.2' err
cp -r drop much; jq '.lora_dropout = 1' drop/adapter_config.json >much/adapter_config.json
expect_exit 3 ril-merge -q -m much -o x; check "says why" grep -q 'lora_dropout is 1' err
check "its memory is planned: $(for s in rank=2 rank=2,dropout=.2; do ril-update -q -m S --plan --lora $s | awk '$1 == "activations" { printf "%s ", $4 }'; done)" test \
	"$(ril-update -q -m S --plan --lora rank=2 | awk '$1 == "activations" { print $4 }')" -lt "$(ril-update -q -m S --plan --lora rank=2,dropout=.2 | awk '$1 == "activations" { print $4 }')"

# from targets that are given; further training keeps them
check "two targets" ril-update -q -m S --objective sft --lora rank=2,targets=q_proj+v_proj --lr 1e-3 -i e2.ril --save two
check "only those" test "$(jq -r '.target_modules[]' two/adapter_config.json | sed 's/.*\.//' | sort -u | tr '\n' ' ')" = "q_proj v_proj "
check "further" ril-update -q -m two --objective sft --lr 1e-3 -i e2.ril --save three
check "same layers" cmp two/adapter_config.json three/adapter_config.json
expect_exit 2 ril-update -q -m two --objective sft --lora rank=3 -i e2.ril --save x; check "says which" grep -q 'rank 2' err
for bad in 1 -0.1 1.5 nan x ''; do expect_exit 2 ril-update -q -m S --objective sft --lora dropout=$bad -i e2.ril --save x; done
check "says what it may be" grep -q 'dropout=R, from 0 to less than 1' err
expect_exit 1 ril-update -q -m S --objective sft --lora targets=nothing -i e2.ril --save x; check "says what" grep -q "no layer is called 'nothing'" err
expect_exit 1 ril-merge -q -m S -o x; check "no adapters" grep -q 'adapter_config.json' err
cp -r two lost; sed -i 's,"base_model_name_or_path":.*,"base_model_name_or_path": "some/model"\,,' lost/adapter_config.json
expect_exit 1 ril-merge -q -m lost -o x; check "no base" grep -q "'some/model' is not here" err
cp -r two other; sed -i 's/"use_rslora":.*/"use_dora": true,/' other/adapter_config.json
expect_exit 1 ril-merge -q -m other -o x; check "another kind" grep -q use_dora err
# with FIELDS: what PEFT's other settings would change is refused by name; what only began the adapters is not
cp -r two kinds
with() { jq "$1" two/adapter_config.json >kinds/adapter_config.json; }
for refused in '.rank_pattern={"q_proj":4}' '.alpha_pattern={"q_proj":4}' '.kasa_config={"a":1}' '.use_later=true' '.bias="all"' '.lora_bias=true' \
	'.trainable_token_indices=[1]' '.peft_type="VERA"' '.modules_to_save=["lm_head"]' '.modules_to_save=["score","embed_tokens"]'; do
	with "$refused"; expect_exit 1 ril-merge -q -m kinds -o x
	check "$refused: by name" grep -qE "$(grep -oE '"(VERA|lm_head|embed_tokens|all)"|^\.[a-z_]+' <<<"$refused" | tail -n 1 | tr -d '".')'? is not supported" err
done
with '.loftq_config={"a":1} | .rank_pattern={} | .use_dora=false | .megatron_config=null | .modules_to_save=[]'
check "what changes nothing is read" ril-merge -q -m kinds -o plain-merged
check "as it was" sh -c 'ril-merge -q -m two -o two-merged && cmp two-merged/model.safetensors plain-merged/model.safetensors'
cp -r two cut; head -c 3000 two/adapter_model.safetensors >cut/adapter_model.safetensors
expect_exit 3 ril-merge -q -m cut -o x
check "nothing half-written" test ! -e x -a ! -e x.tmp
test_end
