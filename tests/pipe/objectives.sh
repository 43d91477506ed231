# objectives.sh -- every objective through the tools: advantages, loss and clipped share of the last of three passes, computed
# again in jq from what was recorded; the settings' effects; the same bytes with one thread and two; each trains.
. "${RIL_ROOT:-.}/tests/ril_test.sh"
. "$RIL_ROOT/tests/train_model.sh"
PATH="$RIL_ROOT/scripts:$PATH"
cd "$T" || exit 1
LENGTH=12
check "a student was made" small_student .
# Sampled in BF16, so that the sampler's numbers are not the trainer's.
ril-encode -q -m S --batch 6 --steps 1 --seed 3 q.jsonl | ril-rollout -q --compute bf16 -m S -n 4 --max-new-tokens $LENGTH --seed 3 |
	ril-score -q --judge contains -o s.ril
check "some were cut" bash -c "ril-inspect --field resp.finish s.ril | grep -q '[	 ]1'"
check "some differ in reward" bash -c "ril-inspect --field reward.answer s.ril | cut -f 2 | tr ' ' '\n' | sort -u | wc -l | grep -qx 2"

# all of a recorded stream's numbers, one object for each group
gathered() {
	local f
	for f in resp.start resp.finish reward.answer resp.logp advantage logp.policy logp.old logp.ref; do
		ril-inspect --json --field $f "$1" | jq -c --arg f $f '{key, ($f): .value}'
	done | jq -sc 'group_by(.key) | map(add)'
}
cat >again.jq <<'END'
# With $o: objective, below, above, beta, kl, cap, overlong, masked.
def sum(f): reduce (.[] | f) as $x (0; . + $x);
def clamp($low; $high): if . < $low then $low elif . > $high then $high else . end;
def fall($n): if $o.overlong == 0 or $n <= $most - $o.overlong then 0 else ($most - $o.overlong - $n) / $o.overlong end;
def deviation: (sum(.) / length) as $m | if length < 2 then 0 else sum((. - $m) * (. - $m)) / (length - 1) | sqrt end;
def responses: [.[] | . as $g | [range(.["resp.finish"] | length) | . as $i | $g["resp.start"][$i:$i + 2] as [$from, $to] | {
	n: ($to - $from), cut: ($g["resp.finish"][$i] == 1), got: $g.advantage[$i], r: ($g["reward.answer"][$i] + fall($to - $from)),
	p: $g["logp.policy"][$from:$to], old: $g["logp.old"][$from:$to], ref: $g["logp.ref"][$from:$to], s: $g["resp.logp"][$from:$to]}]];
def within: [.[].r] as $r | ($r | add / length) as $m | map(.a = (
	if $o.objective == "reinforce++" then .r
	elif $o.objective == "rloo" then .r - (($r | add) - .r) / (($r | length) - 1)
	elif $o.objective == "dr-grpo" or $o.objective == "reinforce++-baseline" then .r - $m
	else (.r - $m) / (($r | deviation) + 1e-4) end));
def over_batch: if $o.objective | startswith("reinforce++") then
	sum(.n) as $T | (sum(.n * .a) / $T) as $m | (sum(.n * (.a - $m) * (.a - $m)) / $T | sqrt) as $s | map(.a = (.a - $m) / $s) else . end;
# Of one token: S, and whether it is clipped.
def clip($A; $rho; $p): ($rho | clamp(1 - $o.below; 1 + $o.above)) as $c |
	if $o.objective == "cispo" then [$c * $A * $p, $c != $rho]
	elif $c * $A < $rho * $A then [$c * $A, true] else [$rho * $A, false] end;
def penalty($d): if $o.kl == "k1" then -$d elif $o.kl == "k2" then $d * $d / 2 else ($d | exp) - $d - 1 end;
(responses | map(within) | add | over_batch) as $all | ($all | length) as $N | ($all | sum(.n)) as $T | [
	$all[] | . as $x | ({"dr-grpo": ($N * $most), "rloo": $N, "grpo": ($N * $x.n), "gspo": ($N * $x.n)}[$o.objective] // $T) as $by |
	([range(.n) | $x.p[.] - $x.old[.]] | if $o.objective == "gspo" then (add / length) as $m | map($m) else . end) as $d |
	select($o.masked and .cut | not) | range(.n) | . as $t | clip($x.a; $d[$t] | exp; $x.p[$t]) as [$s, $cut] |
	(if $o.cap > 0 then [$o.cap, ($x.old[$t] - $x.s[$t] | exp)] | min else 1 end) as $c |
	{loss: (-($c * $s - $o.beta * penalty($x.ref[$t] - $x.p[$t])) / $by), size: ($c * $s / $by | fabs), cut: (if $cut then 1 else 0 end), moved: ($x.a * $d[$t])}
] | {loss: sum(.loss), size: sum(.size), clipped: (sum(.cut) / length), moved: sum(.moved),
	off: ([$all[] | .a - .got | fabs] | max), advantages: ($all | map(.a | fabs) | max)}
END
# again NAME OBJECTIVE BELOW ABOVE KL CAP OVERLONG MASKED OPTION...
again() {
	local name=$1 o
	o=$(jq -nc '$ARGS.positional | {objective: .[0], below: (.[1] | tonumber), above: (.[2] | tonumber), kl: .[3], cap: (.[4] | tonumber),
		overlong: (.[5] | tonumber), masked: (.[6] == "1"), beta: 0.05}' --args "${@:2:7}")
	expect_exit 0 ril-update -q -m S --objective "$2" --mu 3 --lr 2e-3 --beta 0.05 --threads 1 "${@:9}" --metrics "$name.json" --save "$name" -o "$name.ril" -i s.ril
	gathered "$name.ril" | jq -c --argjson o "$o" --argjson most $LENGTH -f again.jq >"$name.again"
	check "$name: advantages: $(cat "$name.again")" jq -e '.off < 1e-5 and .advantages > 0.1' "$name.again" >/dev/null
	check "$name: the loss: $(cat "$name.json" "$name.again")" \
		jq -es '(.[0].loss - .[1].loss | fabs) < 1e-5 * (.[1].size + 1) and (.[0].clip_fraction - .[1].clipped | fabs) < 0.011' "$name.json" "$name.again" >/dev/null
	check "$name: probability moves to what is better than expected" jq -e '.moved > 0' "$name.again" >/dev/null
	expect_exit 0 ril-update -q -m S --objective "$2" --mu 3 --lr 2e-3 --beta 0.05 --threads 2 "${@:9}" --save "$name.2" -i s.ril
	check "$name: the same bytes with two threads" cmp "$name/model.safetensors" "$name.2/model.safetensors"
}
again grpo grpo .1 .1 k3 0 0 0 --clip 0.1
again dr-grpo dr-grpo .2 .2 k3 0 0 0
again dapo dapo .2 .28 k3 0 0 0
again dapo-overlong dapo .1 .05 k2 0 4 0 --clip-low 0.1 --clip-high 0.05 --kl k2 --overlong 4
again gspo gspo .0003 .0004 k3 0 0 0
again gspo-wide gspo .3 .02 k3 1.002 0 0 --clip 0.3 --clip-high 0.02 --importance-cap 1.002
again cispo cispo 1 4 k3 0 0 0
again cispo-capped cispo .05 .05 k1 1.001 0 0 --clip 0.05 --kl k1 --importance-cap 1.001
again rloo rloo .2 .2 k3 0 0 0
again rloo-masked rloo .2 .2 k3 0 0 1 --mask-truncated
again reinforce reinforce++ .2 .2 k3 0 0 0
again reinforce-capped reinforce++ .2 .2 k2 .9 0 0 --kl k2 --importance-cap 0.9
again baseline reinforce++-baseline .2 .2 k3 0 0 0
again baseline-overlong reinforce++-baseline .2 .2 k3 0 3 1 --overlong 3 --mask-truncated
check "importance weights are reported" jq -e '.importance > 0.99 and .importance < 1.001 and .importance_capped > 0 and .importance_capped < 1' cispo-capped.json >/dev/null
check "all of them can be at the cap" jq -e '(.importance - 0.9 | fabs) < 1e-9 and .importance_capped == 1' reinforce-capped.json >/dev/null
check "the punishment is reported, the reward is without it" \
	jq -es '.[0].student.overlong < 0 and .[0].student.reward == .[1].student.reward' dapo-overlong.json dapo.json >/dev/null
check "without either there is no word of them" jq -e 'has("importance") or (.student | has("overlong")) | not' dapo.json >/dev/null

# responses' ratios do not depend on the micro-batches
ril-update -q -m S --objective gspo --mu 3 --lr 2e-3 --clip 0.3 --micro-batch 1 --metrics parts.json --save parts -i s.ril
ril-update -q -m S --objective gspo --mu 3 --lr 2e-3 --clip 0.3 --metrics whole.json --save whole -i s.ril
check "gspo in micro-batches" jq -es '(.[0].loss - .[1].loss | fabs) < 1e-5 and (.[0].grad_norm / .[1].grad_norm - 1 | fabs) < 1e-3' parts.json whole.json >/dev/null

# the entropy bonus: of one pass's loss the mean over tokens, as dapo weighs them; it moves entropy up, or down
for at in 0 0.1 -0.1; do
	for mu in 1 6; do
		expect_exit 0 ril-update -q -m S --objective dapo --entropy $at --mu $mu --lr 2e-3 --threads 1 --metrics bonus$at-$mu.json --save bonus$at-$mu -i s.ril
	done
	expect_exit 0 ril-update -q -m bonus$at-6 --objective dapo --metrics after$at.json -i s.ril
done
check "the bonus is in the loss: $(jq -c '[.loss, .student.entropy]' bonus0-1.json bonus0.1-1.json | xargs)" jq -es \
	'.[0].student.entropy > 0.1 and (.[0].loss - 0.1 * .[0].student.entropy - .[1].loss | fabs) < 1e-6' bonus0-1.json bonus0.1-1.json >/dev/null
check "it moves entropy: $(jq .student.entropy after0.json after0.1.json after-0.1.json | xargs)" jq -es \
	'.[1].student.entropy > .[0].student.entropy + 0.01 and .[2].student.entropy < .[0].student.entropy - 0.01' after0.json after0.1.json after-0.1.json >/dev/null
expect_exit 0 ril-update -q -m S --objective dapo --entropy 0.1 --mu 6 --lr 2e-3 --threads 2 --save bonus.2 -i s.ril
check "the same bytes with two threads" cmp bonus0.1-6/model.safetensors bonus.2/model.safetensors
ril-update -q -m S --objective dapo --entropy 0.1 --mask-truncated --metrics cut.json -i s.ril
ril-update -q -m S --objective dapo --mask-truncated --metrics uncut.json -i s.ril
check "responses left out have no bonus" jq -es '.[0].loss as $l | (.[1].loss - $l) as $by | $by > 0 and $by < 0.1 * .[1].student.entropy' cut.json uncut.json >/dev/null

# dynamic sampling: the first groups whose rewards differ, and no others
ril-inspect --json --field reward.answer s.ril | jq -sc 'map(select(.value | unique | length > 1) | .key)' >varied
n=$(jq length varied)
check "some groups vary, $n of 6, and some do not" test "$n" -ge 2 -a "$n" -lt 6
for wanted in 1 $n 50; do
	expect_exit 0 ril-update -q -m S --objective dr-grpo --beta 0.05 --dynamic-sampling $wanted --metrics dyn-$wanted.json --save dyn-$wanted -o dyn.ril -i s.ril
	least=$((wanted < n ? wanted : n))
	check "$wanted wanted: $(jq -c '[.groups, .drawn_groups, .zero_variance_groups]' dyn-$wanted.json)" jq -e --argjson n "$n" --argjson least $least \
		'.groups == $least and .drawn_groups == 6 and .zero_variance_groups == 6 - $n and .responses == 4 * $least' dyn-$wanted.json >/dev/null
	check "the first of them" cmp <(ril-inspect --json --field advantage dyn.ril | jq -sc 'map(select(.value != null) | .key)') <(jq -c ".[:$least]" varied)
	gathered dyn.ril | jq -c 'map(select(.advantage))' >chosen
	jq -c --argjson most $LENGTH --argjson o '{"objective": "dr-grpo", "below": 0.2, "above": 0.2, "kl": "k3", "cap": 0, "overlong": 0, "masked": false, "beta": 0.05}' \
		-f again.jq chosen >dyn.again
	check "their loss, as if they were all: $(jq .loss dyn-$wanted.json) $(cat dyn.again)" jq -es '(.[0].loss - .[1].loss | fabs) < 1e-6' dyn-$wanted.json dyn.again >/dev/null
done
check "more wanted than there are: those there are" cmp "dyn-$n/model.safetensors" dyn-50/model.safetensors
check "one is not all" bash -c "! cmp -s dyn-1/model.safetensors dyn-50/model.safetensors"
ril-score -q --judge exact --reward 'answer * 0' -i s.ril | ril-update -q -m S --objective ril --dynamic-sampling 3 --metrics none.json --save none
check "none differs: nothing is learned" jq -e '.groups == 0 and .zero_variance_groups == 6 and .lr > 0' none.json >/dev/null
check "the policy is as it was" cmp <(ril-inspect --stats none/model.safetensors) <(ril-inspect --stats S/model.safetensors)
dynamic=(--student "$RIL_ROOT/share/models/student" --objective dapo --data q.jsonl --batch 2 --oversample 3 -n 4 --max-new-tokens $LENGTH --encode '--epochs 9'
	--score '--judge contains' --steps 4 --save-every 2 --keep 0 --update '--lr 1e-3')
expect_exit 0 ril-train -q --run more "${dynamic[@]}"
check "ril-train draws more: $(jq -c '[.groups, .drawn_groups]' more/metrics.jsonl | xargs)" jq -es \
	'map(.drawn_groups == 6 and .groups <= 2) | all' more/metrics.jsonl >/dev/null
cp -a more again; rm -r again/step-4; ln -sfn step-2 again/current
expect_exit 0 ril-train -q --resume again
check "and draws the same when it goes on" cmp {more,again}/step-4/student/model.safetensors
refuse() { local code=$1 words=$2; shift 2; expect_exit "$code" "$@"; check "it says: $words: $(cat err)" grep -q -- "$words" err; }
refuse 2 'not a positive integer' ril-train --run x "${dynamic[@]}" --oversample 0
ril-encode -q -m S --batch 6 --steps 1 --seed 3 q.jsonl | ril-rollout -q -m S -n 2 --max-new-tokens 3 -o bare.ril
refuse 1 'reward.answer is missing' ril-update -m S --objective dapo --dynamic-sampling 3 -i bare.ril

# on a device whose memory is its own, and on the emulated GPU
mode=${RIL_MODES%% *} B=$RIL_ROOT/build/${mode:-release}/tests
for o in gspo cispo; do
	how=(-q -m S --objective $o --mu 3 --lr 1e-3 --beta 0.05 --kl k2 --clip 0.1 --importance-cap 1.001 --entropy 0.02 --micro-batch 2 -i s.ril)
	ril-update "${how[@]}" --metrics cpu-$o.json --save cpu-$o
	if [ -x "$B/far/ril-update" ]; then
		check "$o: on a device" "$B/far/ril-update" "${how[@]}" --save far-$o
		check "$o: the same bytes" cmp cpu-$o/model.safetensors far-$o/model.safetensors
	else skip "$o: no hostile device in this build"; fi
	if [ -x "$B/simt/ril-update" ]; then
		check "$o: on the emulated GPU" "$B/simt/ril-update" "${how[@]}" --device cuda:0 --compute f32 --metrics gpu-$o.json --save gpu-$o
		check "$o: its loss: $(jq .loss cpu-$o.json gpu-$o.json | xargs)" \
			jq -es '(.[0].loss - .[1].loss | fabs) < 1e-3 and (.[0].grad_norm / .[1].grad_norm - 1 | fabs) < 1e-2 and .[0].loss != 0' cpu-$o.json gpu-$o.json >/dev/null
	else skip "$o: no emulated GPU in this build"; fi
done

# what cannot be
refuse 2 'not one of sft' ril-update -m S --objective ppo -i s.ril
refuse 2 'not one of k1' ril-update -m S --kl k4 -i s.ril
refuse 2 'is not in 0' ril-update -m S --clip-low -1 -i s.ril
refuse 2 'is not in' ril-update -m S --entropy 1e9 -i s.ril
refuse 1 'max_new_tokens is 12, less than the 13 tokens.*--overlong' ril-update -m S --objective dapo --overlong 13 -i s.ril
ril-encode -q -m S --batch 6 --steps 1 q.jsonl | ril-teach -q --cache cache.jsonl -n 1 --tokenizer S | ril-score -q --judge contains -o t.ril
refuse 1 'no max_new_tokens, up to which' ril-update -m S --objective ril --length 9 --reward-field reward.answer --overlong 3 -i t.ril
refuse 1 'resp.logp is missing' ril-update -m S --objective ril --length 9 --reward-field reward.answer --importance-cap 2 -i t.ril
ril-teach -q --cache cache.jsonl --allow-missing -n 1 --tokenizer S -i s.ril | ril-score -q --judge contains -o both.ril
expect_exit 0 ril-update -q -m S --objective ril --reward-field reward.answer --importance-cap 0.5 --metrics both.json -i both.ril
check "teachers have no importance weight" jq -e '.importance == 0.5 and .teacher.tokens > 0' both.json >/dev/null

# the loop: answers become right more often
ril-scenes -q -o data --prefix train -n 120 --seed 5
trains() {
	ril-train -q --run "run-$1" --student "$RIL_ROOT/share/models/student" --data data/train.jsonl --objective "$1" --batch 20 -n 8 --steps 40 \
		--max-new-tokens 20 --seed 1 --save-every 40 --update "--lr 1e-3" 2>err || { tail -n 3 err >&2; return 1; }
	jq -s '[.[].student.answer] | [.[:8], .[-8:]] | map(add / length)' -c "run-$1/metrics.jsonl" >rise
	jq -e '.[1] > .[0] + 0.04' rise >/dev/null || { cat rise >&2; return 1; }
}
for o in dapo gspo cispo rloo reinforce++ reinforce++-baseline; do check "$o trains" trains $o; done
test_end
