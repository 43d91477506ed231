#!/bin/bash
# judge.sh -- a model as judge from end to end, with weights made by hand, so that its verdicts are known: all positions
# look at all before them alike, the words "good" and "again" are carried to the last one, and the head then says Yes
# after "good", No without either, and after "again" nothing readable but, sampled, about every other time Yes.
. "$(dirname "$0")/../ril_test.sh"
cd "$T" || exit 1

cat >config.json <<'END'
{"architectures": ["Qwen2ForCausalLM"], "model_type": "qwen2", "hidden_size": 8, "intermediate_size": 8,
 "num_attention_heads": 1, "num_hidden_layers": 1, "num_key_value_heads": 1, "vocab_size": 512, "hidden_act": "silu",
 "rms_norm_eps": 1e-6, "rope_theta": 10000.0, "max_position_embeddings": 4096, "tie_word_embeddings": false,
 "torch_dtype": "float32"}
END
for i in 1 2 3 4 5 6 7 8; do printf 'Yes\nNo\ngood\nagain\n'; done >words.txt
check "a folder" ril-init -q --config config.json --train-tokenizer words.txt --vocab 290 -o judge
W=judge/model.safetensors
header=$(head -c 8 $W | od -An -tu8 | tr -d ' ')
tail -c +9 $W | head -c "$header" >header.json
id() { jq ".model.vocab[\"$1\"]" judge/tokenizer.json; }
# put TENSOR ROW COLUMN BYTES: a number, or several, of a matrix 8 wide.
put() {
	local at=$((8 + header + $(jq ".[\"$1\"].data_offsets[0]" header.json) + 4 * (8 * $2 + $3)))
	printf "$4" | dd of=$W bs=1 seek=$at conv=notrunc status=none
}
one='\0\0\200\77' ten='\0\0\40\101' more='\315\314\40\101' hundred='\0\0\310\102' large='\0\100\34\106' # more: 10.05
head -c $(($(stat -c %s $W) - 8 - header)) /dev/zero | dd of=$W bs=1M seek=$((8 + header)) oflag=seek_bytes conv=notrunc status=none
for norm in model.layers.0.input_layernorm model.layers.0.post_attention_layernorm model.norm; do
	put $norm.weight 0 0 "$one$one$one$one$one$one$one$one"
done
put model.embed_tokens.weight "$(id Ċ)" 0 "$one"
put model.embed_tokens.weight "$(id good)" 1 "$one"
put model.embed_tokens.weight "$(id again)" 5 "$one"
put model.embed_tokens.weight "$(id Yes)" 2 "$hundred"
put model.embed_tokens.weight "$(id No)" 3 "$hundred"
put model.layers.0.self_attn.v_proj.weight 1 1 "$one"
put model.layers.0.self_attn.v_proj.weight 5 5 "$one"
put model.layers.0.self_attn.o_proj.weight 4 1 "$large"
put model.layers.0.self_attn.o_proj.weight 6 5 "$large"
put lm_head.weight "$(id No)" 0 "$one"
put lm_head.weight "$(id Yes)" 4 "$one"
put lm_head.weight "$(id Yes)" 6 "$ten"
put lm_head.weight "$(id good)" 6 "$more"
end=$(jq '.eos_token_id' judge/config.json)
put lm_head.weight "$end" 2 "$ten$ten"

score() { ril-score --judge llm:judge --judge-tokens 8 --table - "$@" 2>err; }
rows() { local r; for r; do printf '{"question": "Which?", "response": "%s", "answer": "this"}\n' "$r"; done; }
check "verdicts" [ "$(rows good bad 'a good one' '' | score | jq -c '[.score, .response]' | tr -d '\n')" = '[1,"Yes"][0,"No"][1,"Yes"][0,"No"]' ]
check "asked once each" grep -q '4 replies, 0 verdicts from the cache, 0 asked again, 0 unreadable' err
check "together as alone" [ "$(rows a good good b c | score | jq .score)" = "$(for r in a good good b c; do rows $r | score | jq .score; done)" ]
check "unreadable without a second try" [ "$(rows again good | score --judge-retries 0 | jq -c .score | tr -d '\n')" = null1 ]
check "which is counted" grep -q '1 unreadable' err
for seed in 1 2 3 4 5 6 7 8; do rows again | score --seed $seed | jq -c .score; done >again
check "a second try is sampled: most can be read then" [ "$(grep -c 1 again)" -ge 4 ]
check "and a run repeats" eval 'for seed in 1 2 3 4 5 6 7 8; do rows again | score --seed $seed | jq -c .score; done | cmp -s - again'
rows good bad again >all
score --cache c.jsonl <all >first
check "a second run asks nothing" eval 'score --cache c.jsonl <all | jq .score | cmp -s - <(jq .score first) && grep -q "0 replies, 3 verdicts from the cache" err'
check "as a reward" eval 'ril-score -q --judge llm:judge --judge-tokens 8 --reward answer -o o.ril "$RIL_ROOT/share/examples/sample.ril" && ril-inspect --field reward o.ril | grep -q 0'

# ---- a device that knows its memory ----
mode=${RIL_MODES%% *} FAR=$RIL_ROOT/build/${mode:-release}/tests/far/ril-score
if [ -x "$FAR" ]; then
	far() { rows good | RIL_FAR_MEMORY=$1 "$FAR" --judge llm:judge --judge-tokens 8 --table - 2>err; }
	check "enough" [ "$(far 9000000000 | jq .score)" = 1 ]
	check "too little is said before the judge is loaded" bash -c '! "$@"' . env RIL_FAR_MEMORY=1000000 "$FAR" --judge llm:judge --table /dev/null 2>err
	check "with its name: $(cat err)" grep -q "judge 'llm:judge': .* do not fit" err
else skip "no hostile device"; fi
test_end
