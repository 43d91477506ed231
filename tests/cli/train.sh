# train.sh -- ril-rollout, ril-discriminate, ril-update alone: options, fields, refusals, exit codes, nothing half-made.
. "${RIL_ROOT:-.}/tests/ril_test.sh"
. "$RIL_ROOT/tests/train_model.sh"
cd "$T" || exit 1
check "a student was made" small_student .
S="-m S"
has() { jq -e "$@" >/dev/null; }
err_says() { grep -q -- "$1" err; }
# names what is wrong in exit code and message: refuse CODE TEXT COMMAND...
refuse() { local code=$1 text=$2; shift 2; expect_exit "$code" "$@"; check "'$text' in: $(tail -n 1 err)" err_says "$text"; }
teach() { ril-teach -q --cache cache.jsonl -n 1 --tokenizer S "$@"; }

ril-encode -q $S --batch 6 --steps 2 q.jsonl -o q.ril
ril-rollout -q $S -n 3 --max-new-tokens 30 --temperature 0.9 -i q.ril -o r.ril
ril-score -q -i r.ril -o s.ril

# ---- ril-rollout ----
refuse 2 '-m is needed' ril-rollout -n 2 -i q.ril
refuse 2 '-n is needed' ril-rollout $S -i q.ril
refuse 2 'unknown option --nonsense' ril-rollout $S -n 2 --nonsense
refuse 2 'not in' ril-rollout $S -n 2 --top-p 1.5
refuse 1 'nowhere' ril-rollout -m nowhere -n 2 -i q.ril
refuse 1 'do not fit' ril-rollout $S -n 2 --max-new-tokens 5000 -i q.ril -o x.ril
check "nothing was published" test ! -e x.ril
refuse 1 'append or --replace' ril-rollout $S -n 2 -i r.ril -o x.ril
check "append" ril-rollout -q $S -n 2 --max-new-tokens 30 --temperature 0.9 --append -i r.ril -o append.ril
ril-rollout -q $S -n 5 --max-new-tokens 30 --temperature 0.9 -i q.ril -o five.ril
check "three and two are five" cmp <(ril-inspect --field resp.ids append.ril) <(ril-inspect --field resp.ids five.ril)
check "replace" ril-rollout -q $S -n 3 --max-new-tokens 30 --temperature 0.9 --replace -i s.ril -o replaced.ril
check "replacing gives what was there" ril-inspect -q --diff r.ril replaced.ril
check "the same again" ril-rollout -q $S -n 3 --max-new-tokens 30 --temperature 0.9 --threads 2 -i q.ril -o again.ril
check "threads do not matter" ril-inspect -q --diff r.ril again.ril
ril-rollout -q $S -n 3 --max-new-tokens 30 --seed 9 -i q.ril -o other.ril
check "the seed matters" bash -c '! ril-inspect -q --diff r.ril other.ril >/dev/null 2>&1'
refuse 1 'step 1 came where step 4 was due' ril-rollout $S -n 2 --start-step 3 -i q.ril
head -n 40 corpus.txt | tr a-m n-z >other.txt
ril-init -q --config "$RIL_ROOT/share/recipes/student.json" --train-tokenizer other.txt --vocab 470 --min-pixels 576 --max-pixels 576 -o other
refuse 1 'tokenizer' ril-rollout -m other -n 2 -i q.ril
head -c $(($(stat -c %s q.ril) - 50)) q.ril >cut.ril
refuse 3 '' ril-rollout $S -n 2 --max-new-tokens 4 -i cut.ril -o x.ril
check "nothing was published" test ! -e x.ril
refuse 1 '' ril-rollout $S -n 2 --max-new-tokens 4 -i q.ril -o /dev/full

# ---- a damaged model: numbers that are not finite ----
cp -r S bad; size=$(stat -c %s bad/model.safetensors)
tr '\000' '\377' </dev/zero | head -c $((size / 2)) | dd of=bad/model.safetensors bs=1M seek=$((size / 2)) oflag=seek_bytes conv=notrunc status=none
refuse 4 'finite' ril-rollout -m bad -n 1 --max-new-tokens 4 -i q.ril -o x.ril
refuse 4 'finite' ril-update -m bad --objective dr-grpo --run badrun -i s.ril
check "nothing was published" test ! -e badrun/step-1
refuse 4 'logit is not finite' ril-discriminate --init-from bad -i s.ril -o x.ril
refuse 4 'logit is not finite' ril-discriminate --init-from bad --update --save badD -i s.ril -o x.ril
check "nothing was published" test ! -e x.ril -a ! -e badD

# ---- ril-update ----
refuse 2 'needs the number of all steps (--steps' ril-update $S --schedule linear -i s.ril
refuse 2 '8 of decay do not fit into a run of 10 (--decay-steps' ril-update $S --schedule wsd --warmup 3 --decay-steps 8 --steps 10 -i s.ril
refuse 2 'not one of llm' ril-update $S --train lm -i s.ril
refuse 2 'go together' ril-update $S --edge e -i s.ril
refuse 1 'reward is missing' ril-update $S --objective ril -i r.ril
refuse 1 'policy version 0, this policy is version 1' ril-update $S --objective dr-grpo -i s.ril
refuse 1 'vision.pixels is missing' ril-update $S --objective dr-grpo --train projector -i s.ril
refuse 1 'cannot be replaced' ril-update $S --objective dr-grpo --save S -i s.ril
refuse 1 'no response that the objective' ril-update $S --objective sft -i s.ril
ril-rollout -q $S -n 2 --greedy --max-new-tokens 8 -i q.ril | ril-score -q -o greedy.ril
refuse 1 'allow-truncated-sampling' ril-update $S --objective grpo -i greedy.ril
ril-encode -q $S --batch 6 --steps 1 q.jsonl | ril-rollout -q $S -n 3 --max-new-tokens 30 | ril-score -q -o one.ril
expect_exit 0 ril-update $S --objective dr-grpo --beta 0.1 --mu 2 --lr 1e-3 --run run --keep 1 --record run/record --metrics m.jsonl -o u.ril -i one.ril
check "the sampler and the trainer agree" has '.logp_delta_max < 1e-4' m.jsonl
check "metrics name what happened" has '.student.answer >= 0 and .student.entropy > 0 and .zero_variance_groups >= 0 and .groups == 6' m.jsonl
check "the checkpoint is complete" test -s run/step-1/student/model.safetensors -a -s run/step-1/state.safetensors -a "$(readlink run/current)" = step-1
check "the record lacks pictures" bash -c 'ril-inspect --field advantage run/record/step-1.ril >/dev/null && ! ril-inspect --field vision.embeds run/record/step-1.ril 2>/dev/null | grep -q .'
check "the stream has log-probs" bash -c 'ril-inspect --field logp.ref u.ril | grep -q .'
expect_exit 0 ril-update -q $S --objective dr-grpo --lr 1e-3 --micro-batch 2 --mask-truncated --save m2 -i one.ril
check "no stream on stdout without -o" test ! -s out
expect_exit 3 ril-update -q $S --objective dr-grpo --run cutrun -i <(head -c 40000 s.ril)
check "nothing was published" test ! -e cutrun/step-1

# ---- ril-discriminate ----
refuse 2 'is needed' ril-discriminate -i r.ril
refuse 1 'not a discriminator' ril-discriminate $S -i r.ril

teach -i r.ril -o t.ril
expect_exit 0 ril-discriminate --init-from S --update --lr 1e-3 --disc-steps 2 --save D --metrics d.jsonl -i t.ril -o d.ril
check "accuracy before and after" has '.before.accuracy >= 0 and .after.accuracy >= 0 and .uncanonical >= 0' d.jsonl
check "similarity" bash -c 'ril-inspect --field reward.similarity d.ril | grep -q .'
expect_exit 0 ril-discriminate -q -m D -i t.ril -o d1.ril
expect_exit 0 ril-discriminate -q -m D -i t.ril -o d2.ril --threads 2 --micro-batch 1
check "judged alike in any micro-batch" cmp <(ril-inspect --field reward.similarity d1.ril) <(ril-inspect --field reward.similarity d2.ril)
test_end
