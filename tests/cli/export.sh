# export.sh -- ril-export: what it writes by the folder's own numbers, adapters added, what it refuses, nothing half-written.
. "${RIL_ROOT:-.}/tests/ril_test.sh"
cd "$T" || exit 1
M=$RIL_ROOT/share/models/student
expect_exit 0 ril-export -q -m "$M" -o s.gguf --mmproj v.gguf
check "two files of their kind" test "$(head -c 4 s.gguf)$(head -c 4 v.gguf)" = GGUFGGUF
expect_exit 0 ril-export -q -m "$M" -o again.gguf --name student; check "the same bytes again" cmp s.gguf again.gguf
expect_exit 0 ril-export -q -m "$M" -o named.gguf --name other; check "another name" bash -c '! cmp -s s.gguf named.gguf && grep -q other named.gguf'
expect_exit 0 ril-export -q -m "$M" --type q8_0 -o q.gguf; expect_exit 0 ril-export -q -m "$M" --type f32 -o f.gguf
check "types differ in size" test "$(stat -c %s q.gguf)" -lt "$(stat -c %s s.gguf)" -a "$(stat -c %s s.gguf)" -lt "$(stat -c %s f.gguf)"

# adapters are those of a merged folder
ril-scenes -q -o data -n 8 --answers sentences
ril-encode -q -m "$M" --with-answers --batch 8 data/scene.jsonl |
	ril-update -q -m "$M" --objective sft --lr 1e-2 --lora rank=4,targets=q_proj+down_proj --save adapters
ril-merge -q -m adapters -o merged
expect_exit 0 ril-export -q -m adapters -o a.gguf --name x; expect_exit 0 ril-export -q -m merged -o m.gguf --name x
check "adapters are added" cmp a.gguf m.gguf
ril-export -q -m "$M" -o base.gguf --name x; check "and change something" bash -c '! cmp -s a.gguf base.gguf'

refuse() { local code=$1 words=$2; shift 2; expect_exit "$code" "$@"; check "it says: $words: $(cat err)" grep -q -- "$words" err; }
refuse 2 'are needed' ril-export -m "$M"
refuse 2 'are needed' ril-export -o x.gguf
refuse 2 'not one of' ril-export -m "$M" -o x.gguf --type q4_0
refuse 1 'nowhere' ril-export -m nowhere -o x.gguf
refuse 1 'no/such' ril-export -m "$M" -o no/such/x.gguf
refuse 1 'x.gguf' ril-export -m "$M" -o /dev/full/x.gguf
# a tower whose blocks of whole pictures are not every so many; one that llama.cpp cannot compute leaves nothing behind
jq '.vision_config.depth = 4 | .vision_config.fullatt_block_indexes = [0, 3]' "$M/config.json" >odd.json
expect_exit 0 ril-init -q --config odd.json --tokenizer "$M" -o odd-model
refuse 1 'are not every so many' ril-export -m odd-model --mmproj y.gguf
jq '.vision_config.depth = 2 | .vision_config.fullatt_block_indexes = [1]' "$M/config.json" >odd.json
expect_exit 0 ril-init -q --config odd.json --tokenizer "$M" -o odd-windows
refuse 1 'windows of 56 pixels' ril-export -m odd-windows --mmproj y.gguf
check "nothing is left of what was refused" test ! -e y.gguf
# positions that are stretched: what llama.cpp computes is written, what it does not is refused
stretch() { jq ".rope_scaling += $1" "$M/config.json" >far.json && rm -rf far-model && ril-init -q --config far.json --tokenizer "$M" -o far-model; }
holds() { grep -aq "$1" far.gguf; }
check "YaRN" stretch '{type: "yarn", factor: 4, original_max_position_embeddings: 128, beta_fast: 16}'
expect_exit 0 ril-export -q -m far-model -o far.gguf
check "its keys" eval 'holds qwen2vl.rope.scaling.type && holds yarn && holds rope.scaling.factor && holds rope.scaling.original_context_length && holds rope.scaling.yarn_beta_fast'
check "and none that is as usual" eval '! holds yarn_beta_slow && ! holds attn_factor'
check "longer or shorter" stretch '{type: "yarn", factor: 4, attention_factor: 0.5}'
expect_exit 0 ril-export -q -m far-model -o far.gguf; check "its key" holds rope.scaling.attn_factor
check "linear" stretch '{type: "linear", factor: 2}'
expect_exit 0 ril-export -q -m far-model -o far.gguf; check "its keys" eval 'holds rope.scaling.type && holds linear && ! holds original_context'
expect_exit 0 ril-export -q -m "$M" -o far.gguf; check "plain: no key" eval '! holds rope.scaling'
check "Llama 3" stretch '{type: "llama3", factor: 8, low_freq_factor: 1, high_freq_factor: 4, original_max_position_embeddings: 128}'
refuse 1 "stretched as Llama 3's are, which llama.cpp's qwen2vl does not compute" ril-export -m far-model -o z.gguf
check "not rounded" stretch '{type: "yarn", factor: 4, truncate: false}'
refuse 1 "bounds are not rounded" ril-export -m far-model -o z.gguf

# Qwen2-VL, Qwen3-VL
G=$RIL_ROOT/tests/golden/models
for f in qwen2_vl qwen3_vl; do
	expect_exit 0 ril-export -q -m "$G/$f" -o $f.gguf --mmproj v-$f.gguf
	check "$f: their kinds" eval "grep -aq ${f/_vl/vl}.block_count $f.gguf && grep -aq ${f/_vl/vl}_merger v-$f.gguf"
done
check "DeepStack's layers" eval 'grep -aq qwen3vl.n_deepstack_layers qwen3_vl.gguf && grep -aq v.deepstack.1.fc2.weight v-qwen3_vl.gguf'
jq '.vision_config.hidden_act = "gelu"' "$G/qwen2_vl/config.json" >odd.json
expect_exit 0 ril-init -q --config odd.json --tokenizer "$G/qwen2_vl" -o odd-act
refuse 1 "activation is not" ril-export -m odd-act --mmproj z.gguf
# words cut otherwise, which llama.cpp has to be told by name
cp -rL "$M" words && chmod -R u+w words
jq '.pre_tokenizer = {type: "Sequence", pretokenizers: [{type: "Digits", individual_digits: false}, {type: "ByteLevel", add_prefix_space: false}]}' words/tokenizer.json >odd.json &&
	mv odd.json words/tokenizer.json
refuse 1 'cuts words as none that llama.cpp has by name' ril-export -m words -o z.gguf
check "nor of these" test ! -e z.gguf
# SmolVLM: Llama's decoder, the halves of each head interleaved
S=$G/smolvlm
expect_exit 0 ril-export -m "$S" --type f32 -o s.gguf --mmproj s-v.gguf
for key in general.architecture tokenizer.ggml.pre llama.rope.dimension_count blk.2.attn_q.weight; do check "$key" grep -qa "$key" s.gguf; done
for key in idefics3 clip.vision.preproc_image_size mm.model.fc.weight v.post_ln.bias; do check "$key" grep -qa "$key" s-v.gguf; done
check "smollm's words" grep -qa smollm s.gguf
rm -f x.gguf
expect_exit 1 env RIL_FAIL_ALLOC=40 ril-export -m "$M" -o x.gguf; check "nothing half-written" test ! -e x.gguf
test_end
