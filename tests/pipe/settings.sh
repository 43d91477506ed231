# settings.sh -- what options that no other test is about change, in the bytes or figures that they should change, and in no others.
. "${RIL_ROOT:-.}/tests/ril_test.sh"
. "$RIL_ROOT/tests/train_model.sh"
cd "$T" || exit 1
check "a student was made" small_student .
same() { cmp -s "$1" "$2"; }
unlike() { [ "$(cmp -s "$1" "$2"; echo $?)" = 1 ]; }

# ---- ril-encode: the type of embeddings ----
ril-encode -q -m S --count 4 -o f32.ril q.jsonl
check "embeddings in BF16" ril-encode -q -m S --count 4 --embeds bf16 -o bf16.ril q.jsonl
type_of() { ril-inspect --json "$1" | jq -r 'select(.kind == "group").tensors["vision.embeds"].dtype' | sort -u; }
check "are BF16, else float" test "$(type_of bf16.ril) $(type_of f32.ril)" = "BF16 F32"
numbers() { ril-inspect --field vision.embeds "$1" | cut -f 2- | tr -s ' \t' '\n'; }
check "the same numbers but for their last bits" bash -c "$(declare -f numbers)"'
	paste <(numbers f32.ril) <(numbers bf16.ril) | awk "{ d = \$1 - \$2; d = d < 0 ? -d : d; m = \$1 < 0 ? -\$1 : \$1; n++; moved += d > 0; if (d > m / 250 + 1e-9) bad++ }
	END { exit !(n > 100 && moved > n / 2 && !bad) }"'

# ---- ril-rollout: groups that are answered together where no barrier says ----
for n in 1 2 4; do
	check "$n at once" ril-rollout -q -m S -n 2 --max-new-tokens 8 --batch-invariant --groups-at-once $n -i f32.ril -o at-$n.ril
	check "the same answers" same <(ril-inspect --field resp.ids at-1.ril) <(ril-inspect --field resp.ids at-$n.ril)
	check "its memory is planned" sh -c "ril-rollout --plan -m S -n 2 --max-new-tokens 8 --groups-at-once $n >plan-$n"
done
check "the more of it, the more at once" test "$(awk '/^total|^in all|^sum/ { print $NF }' plan-1 plan-2 plan-4 | sort -n -u | wc -l)" -eq 3

# ---- ril-update: the reference, and responses that were not drawn from all tokens ----
ril-encode -q -m S --batch 6 --count 1 q.jsonl | ril-rollout -q -m S -n 4 --max-new-tokens 12 --seed 3 | ril-score -q --judge contains -o s.ril
ril-encode -q -m S --with-answers --batch 6 --count 1 sft.jsonl | ril-update -q -m S --objective sft --lr 1e-2 --save other
step() { ril-update -q -m S --objective grpo --beta 0.1 --lr 1e-3 -i s.ril -o "$1.ril" --save "$1" --metrics "$1.jsonl" "${@:2}"; }
check "the start as reference" step start
check "which it is without" step named --ref S
check "to the byte" same start/model.safetensors named/model.safetensors
check "another reference" step far --ref other
check "is another step" unlike start/model.safetensors far/model.safetensors
check "of the same student" same <(ril-inspect --field logp.old start.ril) <(ril-inspect --field logp.old far.ril)
check "beside other log-probabilities" unlike <(ril-inspect --field logp.ref start.ril) <(ril-inspect --field logp.ref far.ril)
rm -f at.jsonl; ril-update -q -m other --objective grpo --beta 0 --lr 0 -i s.ril -o at.ril
check "which are the reference's own" same <(ril-inspect --field logp.ref far.ril) <(ril-inspect --field logp.old at.ril)
ril-encode -q -m S --batch 6 --count 1 q.jsonl | ril-rollout -q -m S -n 4 --max-new-tokens 12 --top-k 3 | ril-score -q --judge contains -o cut.ril
expect_exit 1 ril-update -q -m S --objective grpo -i cut.ril --save x
check "says why: $(cat err)" grep -q -- '--allow-truncated-sampling' err
check "told to, it trains" ril-update -q -m S --objective grpo --lr 1e-3 -i cut.ril --allow-truncated-sampling --save x
check "for all that" unlike x/model.safetensors S/model.safetensors

# ---- AdamW's decays, of both tools; the discriminator's optimiser ----
two() { ril-encode -q -m S --with-answers --batch 6 --steps 2 --seed 3 sft.jsonl | ril-update -q -m S --objective sft --lr 2e-3 --save "$1" "${@:2}"; }
ril-encode -q -m S --with-pixels --batch 6 --count 2 q.jsonl | ril-rollout -q -m S -n 2 --max-new-tokens 12 |
	ril-teach -q --tokenizer S --cache cache.jsonl -n 1 --allow-missing -o t.ril
disc() { ril-discriminate -q --init-from S --update --disc-steps 2 --lr 2e-3 -i t.ril -o d.ril --save "$1" "${@:2}"; }
for tool in two disc; do
	check "$tool: as it is" $tool $tool-plain
	check "$tool: the same, said" $tool $tool-said --beta1 0.9 --beta2 0.999
	check "$tool: is the same to the byte" same $tool-plain/model.safetensors $tool-said/model.safetensors
	check "$tool: less of the first moment" $tool $tool-first --beta1 0.5
	check "$tool: less of the second" $tool $tool-second --beta2 0.6
	check "$tool: no two are alike" test "$(sha256sum $tool-{plain,first,second}/model.safetensors | cut -d ' ' -f 1 | sort -u | wc -l)" -eq 3
	for bad in --beta1=1 --beta2=1 --beta1=-1; do expect_exit 2 $tool x $bad; done
done
check "decay of matrices" disc matrices --weight-decay 20
check "and of everything" disc all --weight-decay 20 --weight-decay-all
check "Muon" disc muon --optimizer muon
check "with less momentum" disc light --optimizer muon --momentum 0.5
check "with the other scale" disc original --optimizer muon --muon-scale original
check "no two are alike" test "$(sha256sum {disc-plain,matrices,all,muon,light,original}/model.safetensors | cut -d ' ' -f 1 | sort -u | wc -l)" -eq 6
# rates OPTION...: of four steps at 1
rates() {
	rm -f rates.jsonl
	ril-encode -q -m S --batch 3 --steps 4 q.jsonl | ril-rollout -q -m S -n 2 --max-new-tokens 4 |
		ril-discriminate -q --init-from S --update --lr 1 --schedule wsd --warmup 1 --steps 4 --metrics rates.jsonl -o d.ril "$@" &&
		jq -s -c 'map(.lr * 1000 | round)' rates.jsonl
}
check "D's rate falls to a share" test "$(rates --decay-steps 2 --decay-shape linear --min-lr-ratio 0.2)" = "[1000,1000,600,200]"
check "by another shape" test "$(rates --decay-steps 2 --decay-shape 1-sqrt)" = "[1000,1000,293,0]"
check "alone, D's way to others is none" disc host --world none --transport host
check "and changes nothing" same host/model.safetensors disc-plain/model.safetensors
expect_exit 2 disc x --transport pigeon
test_end
