# lend.sh -- on one device ril-rollout reads ril-update's weights where they are: the whole loop on an emulated GPU, with
# lent weights and with its own, gives the same bytes; elsewhere, and when told so, it keeps its own.
. "${RIL_ROOT:-.}/tests/ril_test.sh"
. "$RIL_ROOT/tests/train_model.sh"
. "$RIL_ROOT/tests/emulated.sh"
cd "$T" || exit 1
mkdir bin other
for tool in "$RIL_BIN"/ril-* "$GPU"/ril-*; do
	[ -x "$tool" ] && ln -sf "$tool" bin && ln -sf "$tool" other
done
check "a student was made" small_student .
pairs() { ril-encode -q -m S --batch 8 --steps 1 --count 1 q.jsonl | ril-rollout -q -m S -n 2 --max-new-tokens 24 |
	ril-teach -q --cache cache.jsonl -n 1 --allow-missing --tokenizer S | ril-discriminate -q --init-from S --update --lr 1e-3 --save D -o /dev/null; }
check "a discriminator was made" pairs

# train RUN TOOLS "ril-rollout's options" "ril-update's" [STUDENT]
train() {
	RIL_BIN=$PWD/$2 timeout 120 "$RIL_ROOT/scripts/ril-train" -q --run "$1" --student "${5:-S}" --disc D --cache cache.jsonl --data q.jsonl \
		--steps 2 --batch 3 -n 2 --teachers 1 --teach --allow-missing --max-new-tokens 16 --save-every 2 --device cuda:0 --record --rollout "-v $3" \
		--update "--lr 1e-2 --beta 0.01 -v $4" --discriminate "--lr 1e-3" --encode --with-pixels
}
weights() { sed -n 's/^ril-rollout: memory: weights.* \([0-9]*\)$/\1/p' "$1/log/rollout.log"; }
versions() { sed -n 's/^ril-rollout: version [0-9]*: //p' "$1/log/rollout.log" | sed 's/.*\///' | tr '\n' ' '; }
same_run() { cmp "$1/step-2/student/model.safetensors" "$2/step-2/student/model.safetensors" && cmp "$1/step-2/disc/model.safetensors" "$2/step-2/disc/model.safetensors"; }

rm other/ril-rollout
printf '#!/bin/sh\nRIL_SIMT_UUID="another device   " exec %s/ril-rollout "$@"\n' "$GPU" >other/ril-rollout
chmod +x other/ril-rollout
start lent train lent bin
start own train own bin --own-weights
start lent-pixels train lent-pixels bin --from-pixels "--train projector,vision"
start own-pixels train own-pixels bin "--from-pixels --own-weights" "--train projector,vision"
start adapters train adapters bin "" "--lora rank=4"
start apart train apart other
start types train types bin "--compute f32"
wait
start further train further bin "" "" adapters/step-2/student

check "lent" ended lent
check "its versions are the lender's: $(versions lent)" test "$(versions lent)" = "lent.json lent.json "
check "no copy of its own" test -z "$(weights lent)"
check "own" ended own
check "its versions are folders: $(versions own)" test "$(versions own)" = "S step-1 "
check "a copy of its own" test "$(weights own)" -gt 0
check "the same bytes" same_run lent own
check "the student moved" test "$(cmp -s lent/step-2/student/model.safetensors S/model.safetensors; echo $?)" = 1
check "where it was is told to nobody else" test -z "$(ril-inspect --head lent/record/step-1.ril | grep edge.where)"

# what is not trained is lent, too; the reference reads the student's language model where it is
check "lent, the tower trained" ended lent-pixels
check "own, the tower trained" ended own-pixels
check "the same bytes, the tower trained" same_run lent-pixels own-pixels
update_weights() { sed -n 's/^ril-update: memory: weights.* \([0-9]*\)$/\1/p' "$1/log/update.log"; }
check "the reference has no copy of what is frozen: $(update_weights lent-pixels)" \
	test "$(update_weights lent-pixels)" -lt "$((2 * $(weights own-pixels)))"

# adapters are not lent: they are small, and ril-rollout has the base
wait
check "adapters" ended adapters
check "their versions are folders: $(versions adapters)" test "$(versions adapters)" = "step-0 step-1 "
check "adapters, further" ended further
check "they are the same layers" cmp further/step-2/student/adapter_config.json adapters/step-2/student/adapter_config.json
check "and moved" test "$(cmp -s further/step-2/student/adapter_model.safetensors adapters/step-2/student/adapter_model.safetensors; echo $?)" = 1

# another device
check "on another device" ended apart
check "its versions are folders there: $(versions apart)" test "$(versions apart)" = "S step-1 "
check "the same bytes there" same_run lent apart
check "passes of another type" ended types
check "its versions are folders then: $(versions types)" test "$(versions types)" = "S step-1 "

# files that lend nothing
check "questions" ril-encode -q -m S --batch 2 --steps 1 --count 1 -o e.ril q.jsonl
mkfifo edge
borrow() { # borrow EXIT FILE
	(sleep .2; echo "0 $2"; sleep .2) >edge &
	expect_exit "$1" "$GPU/ril-rollout" -q -m S -n 1 --max-new-tokens 2 --device cuda:0 --edge edge -i e.ril -o "$T/r.ril"
	wait
}
where() { printf '{"where":"%s","blocks":[%s],"tensors":{}}' "$1" "$2"; }
here=$("$GPU/ril-rollout" -q -m S -n 1 --max-new-tokens 2 --device cuda:0 --edge edge -i e.ril 2>/dev/null | strings |
	sed -n 's/.*"edge.where":"\([^"]*\)".*/\1/p' & sleep .3; (sleep .3) >edge; wait)
check "HEAD says where: $here" test -n "$here"
where elsewhere >a.json
borrow 1 a.json
check "another device is named" grep -q 'a.json: these weights are on another device' "$T/err"
where "$here" >b.json
borrow 3 b.json
check "a missing tensor is named" grep -q "b.json: no tensor '" "$T/err"
where "$here" '[10,"ff"]' >c.json
borrow 3 c.json
where "$here" "[10,\"$(printf '%0128d' 0)\"]" >d.json
borrow 1 d.json
check "a block that is gone is told" grep -q 'd.json: cuda:0: borrowing memory' "$T/err"
echo '{' >e.json
borrow 3 e.json
check "nothing was written" test ! -e r.ril
test_end
