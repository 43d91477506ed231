# dropout.sh -- a training step of adapters with dropout beside PEFT's own layers: their dropout is replaced by masks that are made here from
# their definition (lib/nn/tape.h, lib/ops/ops.h), so that loss and gradient must agree.  Wants torch, transformers and peft in $PYTHON.
. "${RIL_ROOT:-$(cd "$(dirname "$0")/../.." && pwd)}/tests/ril_test.sh"
. "$RIL_ROOT/tests/reference_python.sh"
python_with "dropout by PEFT" torch transformers peft
cd "$T" || exit 1
jq -n '{model_type: "qwen2", architectures: ["Qwen2ForCausalLM"], hidden_size: 48, intermediate_size: 80, num_hidden_layers: 3, num_attention_heads: 4,
	num_key_value_heads: 2, vocab_size: 512, max_position_embeddings: 512, rms_norm_eps: 1e-6, rope_theta: 1e4, tie_word_embeddings: true,
	torch_dtype: "float32", bos_token_id: 415, eos_token_id: 417}' >config.json
expect_exit 0 ril-init -q --config config.json --tokenizer "$RIL_ROOT/share/models/student" --seed 3 -o base
printf '{"id": "one", "question": "What is above the red ball?", "answer": "A small blue square."}\n{"id": "two", "question": "Where?", "answer": "At the left."}\n' >q.jsonl
ril-encode -q -m base --with-answers --batch 2 -o q.ril q.jsonl
# adapters that are not zero, then a step of theirs with dropout
expect_exit 0 ril-update -q -m base --objective sft --lora rank=4,alpha=8,dropout=0.3 --lr .05 --seed 7 -i q.ril --save adapters
expect_exit 0 ril-update -q -m adapters --objective sft --lr 1e-9 --seed 7 -i q.ril --save next --metrics with.jsonl
expect_exit 0 ril-update -q -m adapters --objective sft --lr 0 --seed 7 -i q.ril --save same --metrics without.jsonl
ril-inspect --json --field prompt.ids q.ril >prompts.jsonl
ril-inspect --json --field resp.ids q.ril >answers.jsonl
check "PEFT's: $("$python" "$RIL_ROOT/tests/fidelity/dropout.py" base adapters 7 2>err >theirs; cat theirs; tail -n 1 err)" test -s theirs
near() { # near NAME OURS THEIRS
	jq -en --argjson a "$2" --argjson b "$3" '($a - $b | fabs) <= 1e-5 * ([$a, $b] | max)' >/dev/null || { echo "$1: $2, PEFT's $3" >&2; return 1; }
}
check "the loss with dropout" near loss "$(jq .loss with.jsonl)" "$(jq .with.loss theirs)"
check "its gradient" near gradient "$(jq .grad_norm with.jsonl)" "$(jq .with.norm theirs)"
check "the loss without" near loss "$(jq .loss without.jsonl)" "$(jq .without.loss theirs)"
check "they differ" test "$(jq .loss with.jsonl)" != "$(jq .loss without.jsonl)"
test_end
