# init.sh -- ril-init: folders of both families, repeatable, sharded, in three types; what does not fit is refused.
. "${RIL_ROOT:-$(cd "$(dirname "$0")/../.." && pwd)}/tests/ril_test.sh"
R=$RIL_ROOT/share/recipes
cd "$T" || exit 1
printf 'there are three red circles\nhow many circles are there?\nthe square is blue\n' >corpus.txt
new() { ril-init -q --config "$R/$1.json" --train-tokenizer corpus.txt --vocab 300 "${@:2}"; }

check "a Qwen2.5-VL folder" new student --seed 1 -o a
check "the same seed gives the same weights" new student --seed 1 --threads 1 -o b
check "... the same bytes" diff -r a b
check "another seed" new student --seed 2 -o c
check "... other weights" bash -c '! cmp -s a/model.safetensors c/model.safetensors'
check "an InternVL folder" new teacher-b --max-tiles 3 -o d
check "... three tiles" grep -q '"max_patches":.*3' d/preprocessor_config.json
check "shards" ril-init -q --config "$R/student.json" --tokenizer a --seed 1 --shard-size 0.0003 -o e
check "... several" test -e e/model.safetensors.index.json -a -e e/model-00002-of-0000"$(ls e/model-*.safetensors | wc -l)".safetensors
for f in a b d e; do check "$f opens" bash -c "ril-inspect $f >/dev/null"; done
check "one file over several" ril-init -q --config "$R/student.json" --tokenizer a --seed 1 -o e
check "... nothing stale is left" diff -r a e
expect_exit 2 ril-init -q --config "$R/student.json" --tokenizer a -o ./a
# Shards, types: the same numbers.
check "BF16" ril-init -q --config "$R/student.json" --tokenizer a --seed 1 --dtype BF16 -o f
check "... half the size" test "$(stat -c %s f/model.safetensors)" -lt "$(($(stat -c %s a/model.safetensors) * 6 / 10))"
check "... says so" grep -q bfloat16 f/config.json
jq 'del(.torch_dtype) | .text_config.dtype = "bfloat16"' "$RIL_ROOT/tests/golden/configs/qwen3_vl.json" >part.json
check "a type that only the language model's settings name" ril-init -q --config part.json --train-tokenizer corpus.txt --vocab 300 -o h
check "... is the weights'" bash -c 'ril-inspect h >list && grep -q " BF16 " list && ! grep -q " F32 " list'
for id in image_token_id eos_token_id vision_start_token_id; do
	check "$id" jq -e --slurpfile t a/tokenizer.json --arg id $id \
		'.[$id] as $n | $t[0].added_tokens | any(.id == $n)' a/config.json --exit-status >/dev/null
done
check "encodes" bash -c 'echo "{\"id\": 1, \"question\": \"how many?\"}" | sed "s/1,/\"1\",/" >q.jsonl; ril-encode -q -m a q.jsonl -o q.ril && ril-encode -q -m d q.jsonl -o r.ril'
check "other names when the family has other tokens" ril-init -q --config "$R/student.json" --tokenizer d -o g
check "... Qwen's template" grep -q vision_start g/chat_template.jinja

expect_exit 1 ril-init -q --config "$R/teacher-b.json" --tokenizer a -o x
check "names the token" grep -q IMG_CONTEXT "$T/err"
jq '.vocab_size = 100' "$R/student.json" >small.json
expect_exit 1 ril-init -q --config small.json --tokenizer a -o x
check "names vocab_size" grep -q vocab_size "$T/err"
expect_exit 1 ril-init -q --config "$T/nothing.json" --tokenizer a -o x
expect_exit 2 ril-init -q --config "$R/student.json" -o x
expect_exit 2 ril-init -q --config "$R/student.json" --tokenizer a --train-tokenizer corpus.txt -o x
# What a family's config.json may not say.
refused() { # refused EXIT WORDS CONFIG FILTER
	jq "$4" "$RIL_ROOT/tests/golden/configs/$3.json" >bad.json
	expect_exit "$1" ril-init -q --config bad.json --train-tokenizer corpus.txt --vocab 300 -o bad
	check "$3: $2: $(cat "$T/err")" grep -q "$2" "$T/err"
}
refused 3 "'deepstack_visual_indexes' is no ascending list of blocks below 3" qwen3_vl '.vision_config.deepstack_visual_indexes = [0, 3]'
refused 3 "'deepstack_visual_indexes' is no ascending list" qwen3_vl '.vision_config.deepstack_visual_indexes = [1, 0]'
refused 3 "'deepstack_visual_indexes' is no ascending list" qwen3_vl '.vision_config.deepstack_visual_indexes = ["a"]'
refused 1 "9 features are more than 8" qwen3_vl '.vision_config.deepstack_visual_indexes = [0,1,2,3,4,5,6,7,8]'
refused 1 "2 DeepStack features for a decoder of 2 layers" qwen3_vl '.text_config.num_hidden_layers = 2'
refused 3 "num_position_embeddings 26 is not a square" qwen3_vl '.vision_config.num_position_embeddings = 26'
refused 3 "out_hidden_size 40 is not the decoder's hidden_size 48" qwen3_vl '.vision_config.out_hidden_size = 40'
refused 3 "mlp_ratio 0 of 32 is no width" qwen2_vl '.vision_config.mlp_ratio = 0'
refused 3 "hidden_size 40 is not the decoder's hidden_size 48" qwen2_vl '.vision_config.hidden_size = 40'
refused 1 "activation 'mish' is not supported" qwen2_vl '.vision_config.hidden_act = "mish"'
refused 1 "rotary positions of type 'longrope' are not supported" internvl3_5 '.text_config.rope_scaling = {"rope_type": "longrope"}'
refused 3 "'scale_factor': 3 does not divide 4 patches" smolvlm '.scale_factor = 3'
refused 3 "image_size 12 is less than patch_size 14" smolvlm '.vision_config.image_size = 12'
refused 1 "25 patches a side are not supported" smolvlm '.vision_config.image_size = 350 | .scale_factor = 5'
refused 1 "biases in the decoder's MLP are not supported" smolvlm '.text_config.mlp_bias = true'
# SmolVLM's own tokenizer and template; the most tiles, and no least number of them.
S=$RIL_ROOT/tests/golden/configs/smolvlm.json
expect_exit 2 ril-init -q --config "$S" --train-tokenizer corpus.txt --vocab 300 --min-tiles 2 -o x
check "says that there is none" grep -q "no least number of tiles" "$T/err"
expect_exit 0 ril-init -q --config "$S" --train-tokenizer corpus.txt --vocab 300 --max-tiles 11 -o smol
check "3 x 3 tiles of 60, 4 tokens each" jq -e -s '.[0].size.longest_edge == 180 and .[0].max_image_size.longest_edge == 60 and .[1].image_seq_len == 4' \
	smol/preprocessor_config.json smol/processor_config.json
check "a turn ends where an utterance does" jq -e -s '.[0].eos_token == "<end_of_utterance>" and .[1].eos_token_id[0] == (.[2].added_tokens[] | select(.content == "<end_of_utterance>").id)
	and .[3].text_config.eos_token_id == .[1].eos_token_id[0]' smol/tokenizer_config.json smol/generation_config.json smol/tokenizer.json smol/config.json
check "digits stand alone, and no token is Qwen's" jq -e '.pre_tokenizer.pretokenizers[0].type == "Digits" and ([.added_tokens[].content] | index("<|image_pad|>") == null and length == 43)' smol/tokenizer.json
ril-scenes -q -o s -n 1 --seed 1
expect_exit 0 ril-encode -q -m smol -o smol.ril s/scene.jsonl
jq '.max_image_size.longest_edge = 48' smol/preprocessor_config.json >p.json && mv p.json smol/preprocessor_config.json
expect_exit 1 ril-encode -q -m smol -o smol.ril s/scene.jsonl
check "tiles of another size than the tower's: $(cat "$T/err")" grep -q "the model's vision tower takes" "$T/err"
printf '{' >broken.json
expect_exit 3 ril-init -q --config broken.json --tokenizer a -o x
test_end
