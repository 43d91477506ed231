# far.sh -- the whole chain on a hostile device (tests/far/far.c), whose memory nobody can touch outside of lib/ops: both
# families encode, sample, teach, discriminate, score with a model as judge, and train, with their towers; the same bytes
# as on the CPU.  Then the waits: at most one a decoded token, none between a forward and its backward pass.
. "${RIL_ROOT:-.}/tests/ril_test.sh"
. "$RIL_ROOT/tests/train_model.sh"
mode=${RIL_MODES%% *} FAR=$RIL_ROOT/build/${mode:-release}/tests/far
cd "$T" || exit 1
check "a Qwen2.5-VL student was made" small_student .
check "an InternVL student was made" ril-init -q --config "$RIL_ROOT/share/recipes/teacher-b.json" --train-tokenizer corpus.txt \
	--vocab 470 --seed 2 -o I
head -n 12 q.jsonl >few.jsonl

# chain DIR STUDENT OUT PICTURES...: everything a student goes through, with the tools of DIR
chain() {
	local bin=$1 student=$2 out=$3 parts=$4 encode=() rollout=()
	[ "$parts" = llm ] || encode=(--with-pixels) rollout=(--from-pixels)
	mkdir "$out" && "$bin/ril-encode" -q -m "$student" "${encode[@]}" --batch 6 --steps 2 --seed 3 --count 1 -o "$out/e.ril" few.jsonl &&
		RIL_FAR_TRACE=$out/rollout.trace "$bin/ril-rollout" -q -m "$student" "${rollout[@]}" -n 4 --max-new-tokens 24 --seed 3 -i "$out/e.ril" -o "$out/r.ril" &&
		"$bin/ril-teach" -q --cache cache.jsonl --allow-missing -n 1 --tokenizer "$student" -i "$out/r.ril" -o "$out/t.ril" &&
		RIL_FAR_TRACE=$out/disc.trace "$bin/ril-discriminate" -q --init-from "$student" --update --lr 1e-3 --seed 3 --save "$out/disc" -i "$out/t.ril" -o "$out/d.ril" &&
		"$bin/ril-score" -q --judge contains -i "$out/d.ril" -o "$out/s.ril" &&
		RIL_FAR_TRACE=$out/update.trace "$bin/ril-update" -q -m "$student" --objective ril --train "$parts" --lr 1e-3 --beta 0.02 --mu 2 --seed 3 -i "$out/s.ril" \
			--metrics "$out/metrics.jsonl" --save "$out/S"
}
# groups FILE: the groups without lineage and checksums
groups() { ril-inspect --json "$1" | jq -c 'select(.kind == "group")' >"$2" && test -s "$2"; }
same_groups() { groups "$1" a.json && groups "$2" b.json && cmp a.json b.json; }

for family in S I; do
	for parts in llm llm,projector,vision; do
		what="$family, $parts trained"
		check "$what: on the CPU" chain "$RIL_BIN" "$family" "cpu-$family-$parts" "$parts"
		check "$what: on the device" chain "$FAR" "$family" "far-$family-$parts" "$parts"
		for stage in r t d s; do
			check "$what: the same groups ($stage)" same_groups "cpu-$family-$parts/$stage.ril" "far-$family-$parts/$stage.ril"
		done
		check "$what: the same discriminator" cmp "cpu-$family-$parts/disc/model.safetensors" "far-$family-$parts/disc/model.safetensors"
		check "$what: the same student" cmp "cpu-$family-$parts/S/model.safetensors" "far-$family-$parts/S/model.safetensors"
		check "$what: the student moved" test "$(cmp -s "far-$family-$parts/S/model.safetensors" "$family/model.safetensors"; echo $?)" = 1
	done
done

# adapters with dropout, trained on and read again: a student's and a discriminator's
adapters() { # adapters DIR OUT
	mkdir "$2" && "$1/ril-update" -q -m S --objective ril --lora rank=4,dropout=0.1 --lr 1e-2 --beta 0.02 --seed 3 -i cpu-S-llm/s.ril --save "$2/S" &&
		"$1/ril-rollout" -q -m "$2/S" -n 2 --max-new-tokens 16 --seed 3 -i cpu-S-llm/e.ril -o "$2/r.ril" &&
		"$1/ril-discriminate" -q --init-from S --lora rank=4,dropout=0.1 --update --lr 1e-2 --seed 3 --save "$2/disc" -i cpu-S-llm/t.ril -o "$2/d.ril"
}
check "adapters on the CPU" adapters "$RIL_BIN" cpu-lora
check "adapters on the device" adapters "$FAR" far-lora
for x in S disc; do check "the same adapters ($x)" cmp cpu-lora/$x/adapter_model.safetensors far-lora/$x/adapter_model.safetensors; done
for x in r d; do check "the same groups with adapters ($x)" same_groups cpu-lora/$x.ril far-lora/$x.ril; done

# what else an optimiser and a discriminator do, and a teacher's distribution, of which nobody waits for either
others() { # others DIR OUT
	mkdir "$2" && RIL_FAR_TRACE=$2/update.trace "$1/ril-update" -q -m S --objective ril --optimizer muon --ema 0.9 --freeze '*layers.0.*' --weight-decay 0.1 --lr 1e-3 --seed 3 \
		--distill cpu-S-llm,projector,vision/S -i cpu-S-llm,projector,vision/s.ril --save "$2/S" --save-ema "$2/ema" &&
		"$1/ril-discriminate" -q --init-from S --disc-loss bradley-terry --label-smoothing 0.1 --similarity logit --replay 4 --r1 30 --update --lr 1e-3 --seed 3 \
			--save "$2/disc" -i cpu-S-llm/t.ril -o "$2/d.ril"
}
check "others on the CPU" others "$RIL_BIN" cpu-others
check "others on the device" others "$FAR" far-others
for x in S ema disc; do check "the same weights ($x)" cmp cpu-others/$x/model.safetensors far-others/$x/model.safetensors; done
check "the same groups of pairs" same_groups cpu-others/d.ril far-others/d.ril
read -r pairs waits < <(awk '$1 == "head_logp" { w = 0; on = 1 } on && ($1 == "wait" || $1 == "to_host") { w++ } $1 == "head_logp_bwd" { n++; all += w; on = 0 } END { print n + 0, all + 0 }' far-others/update.trace)
check "$waits waits between forward, divergence and backward" test "$pairs" -ge 1 -a "$waits" -eq 0

# a model as judge, and one as teacher
check "a judge on the device: tests/cli/judge.sh" env RIL_BIN="$FAR" bash "$RIL_ROOT/tests/cli/judge.sh"
teach() { "$1/ril-teach" -q -m S -n 2 --tokenizer I --max-new-tokens 12 --image-root . -i cpu-I-llm/e.ril -o "$2"; }
check "a teacher on the CPU" teach "$RIL_BIN" cpu.ril
check "a teacher on the device" teach "$FAR" far.ril
check "the same answers" same_groups cpu.ril far.ril

# between a forward pass (head_logp, bce_loss) and its backward pass nobody waits
between() { # between TRACE FROM TO: waits and copies to the host from each FROM to the next TO
	awk -v from="$2" -v to="$3" '
		$1 == to { if (armed) { pairs++; waits += w } armed = 0 }
		armed && ($1 == "wait" || $1 == "to_host") { w++ }
		$1 == from { armed = 1; w = 0 }
		END { print pairs + 0, waits + 0 }' "$1"
}
for family in S I; do
	read -r pairs waits < <(between "far-$family-llm/update.trace" head_logp head_logp_bwd)
	check "$family: the update walks back from every forward pass" test "$pairs" -ge 2
	check "$family: $waits waits between forward and backward of the update" test "$waits" -eq 0
	read -r pairs waits < <(between "far-$family-llm/disc.trace" bce_loss linear_bwd)
	check "$family: the discriminator walks back from its forward pass" test "$pairs" -ge 1
	check "$family: $waits waits between forward and backward of the discriminator" test "$waits" -eq 0
	# asynchronous: the host looks one step late, at what is compacted every so many tokens; the same tokens
	check "$family: asynchronous rollout" env RIL_FAR_ASYNC=1 RIL_FAR_TRACE="$PWD/$family.trace" "$FAR/ril-rollout" -q -m $family -n 4 \
		--max-new-tokens 24 --seed 3 -i "far-$family-llm/e.ril" -o "$family-async.ril"
	check "$family: the same tokens" cmp <(ril-inspect --field resp.ids "far-$family-llm/r.ril") <(ril-inspect --field resp.ids "$family-async.ril")
	# a decoded token: from one step of all rows to the next
	for trace in "far-$family-llm/rollout.trace" "$family.trace"; do
		read -r tokens waits copies < <(awk '
			$1 == "advance" { n++; if (n > 1) { if (w > most) most = w; if (c > copies) copies = c } w = c = 0 }
			$1 == "wait" || $1 == "to_host" { w++ }
			$1 == "fetch" || $1 == "copy" || $1 == "to_device" { c++ }
			END { print n + 0, most + 0, copies + 0 }' "$trace")
		check "$family: tokens were chosen on the device" test "$tokens" -ge 4
		check "$family: at most $waits waits a decoded token" test "$waits" -le 1
		check "$family: at most $copies copies a decoded token" test "$copies" -le 2
	done
done
test_end
