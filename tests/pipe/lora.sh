# lora.sh -- adapters through the pipeline: the resident loop begins them, gives the bytes of the same steps through files, goes
# on after a stop; a discriminator of adapters over the student's base; the base is not written again; merged is the same
# model; what does not fit is refused.
. "${RIL_ROOT:-.}/tests/ril_test.sh"
. "$RIL_ROOT/tests/train_model.sh"
cd "$T" || exit 1
check "a student was made" small_student .
STEPS=3 SPEC=rank=4,alpha=8
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
check "no version is left" test -z "$(ls one.versions)"
check "a step changed them" test "$(cmp -s one/step-1/student/adapter_model.safetensors one/step-3/student/adapter_model.safetensors; echo $?)" = 1
check "the base is not in the checkpoint" test ! -e one/current/student/model.safetensors
check "adapters are small" test "$(stat -Lc %s one/current/student/adapter_model.safetensors)" -lt "$(stat -c %s S/model.safetensors)"
check "what they are" jq -e '.peft_type == "LORA" and .r == 4 and .lora_alpha == 8 and (.target_modules | length) > 0' one/current/student/adapter_config.json >/dev/null
check "the discriminator's has its head" jq -e '.modules_to_save == ["score"]' one/current/disc/adapter_config.json >/dev/null

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
check "without dropout" ril-update -q -m S --objective sft --lora rank=2,dropout=0 --lr 1e-3 -i e2.ril --save none
check "questions checked for one" ril-encode -q --check -m bare q.jsonl
check "inspected" sh -c "ril-inspect $A | grep -q lora_A"

# from targets that are given; further training keeps them
check "two targets" ril-update -q -m S --objective sft --lora rank=2,targets=q_proj+v_proj --lr 1e-3 -i e2.ril --save two
check "only those" test "$(jq -r '.target_modules[]' two/adapter_config.json | sed 's/.*\.//' | sort -u | tr '\n' ' ')" = "q_proj v_proj "
check "further" ril-update -q -m two --objective sft --lr 1e-3 -i e2.ril --save three
check "same layers" cmp two/adapter_config.json three/adapter_config.json
expect_exit 2 ril-update -q -m two --objective sft --lora rank=3 -i e2.ril --save x; check "says which" grep -q 'rank 2' err
expect_exit 2 ril-update -q -m S --objective sft --lora dropout=0.1 -i e2.ril --save x
expect_exit 1 ril-update -q -m S --objective sft --lora targets=nothing -i e2.ril --save x; check "says what" grep -q "no layer is called 'nothing'" err
expect_exit 1 ril-merge -q -m S -o x; check "no adapters" grep -q 'adapter_config.json' err
cp -r two lost; sed -i 's,"base_model_name_or_path":.*,"base_model_name_or_path": "some/model"\,,' lost/adapter_config.json
expect_exit 1 ril-merge -q -m lost -o x; check "no base" grep -q "'some/model' is not here" err
cp -r two other; sed -i 's/"use_rslora":.*/"use_dora": true,/' other/adapter_config.json
expect_exit 1 ril-merge -q -m other -o x; check "another kind" grep -q use_dora err
cp -r two cut; head -c 3000 two/adapter_model.safetensors >cut/adapter_model.safetensors
expect_exit 3 ril-merge -q -m cut -o x
check "nothing half-written" test ! -e x -a ! -e x.tmp
test_end
