# export.sh -- GGUF files as llama.cpp's own packages read them: every tensor to the byte (gguf), towers and rotary positions as its
# graphs compute them, written down in numpy (export_graph.py), pictures and the likeliest tokens (llama-cpp-python).  Wants these in $PYTHON, the first with torch and safetensors.
. "${RIL_ROOT:-$(cd "$(dirname "$0")/../.." && pwd)}/tests/ril_test.sh"
python=${PYTHON:-python3} script=$RIL_ROOT/tests/fidelity/export.py
cd "$T" || exit 1
folders=("$RIL_ROOT"/share/models/*/)
[ -d "$RIL_SHARED/data/models" ] && folders+=("$RIL_SHARED"/data/models/{internvl3-a,internvl3-b,internvl3-a-resaved,qwen2_5_vl-a,qwen2_5_vl-b,qwen3-text,qwen2_5-text}/)
[ ${#folders[@]} -gt 3 ] || skip "no reference models"
folders+=("$RIL_ROOT"/tests/golden/models/{qwen2_vl,qwen3_vl}/)
# one whose picture of a tile's size is not made larger
cp -rL "$RIL_ROOT/tests/golden/models/smolvlm" smolvlm-60 && chmod -R u+w smolvlm-60
jq '.size.longest_edge = .max_image_size.longest_edge' smolvlm-60/preprocessor_config.json >p && mv p smolvlm-60/preprocessor_config.json
mkdir models && mv smolvlm-60 models && folders+=("$T/models/smolvlm-60/")
for m in "${folders[@]}"; do
	m=${m%/} name=$(basename "$m")
	mkdir "$name"
	for type in f32 f16 bf16 q8_0; do
		vision=()
		case $name in *text | qwen2_5_vl-a) ;; *) vision=(--mmproj "$name/v-$type.gguf") ;; esac
		expect_exit 0 ril-export -q -m "$m" --type $type -o "$name/$type.gguf" "${vision[@]}"
	done
done
# a start of Python with torch takes seconds: one for all folders
if "$python" -c 'import gguf, safetensors, torch' 2>/dev/null; then
	reads_tensors=1
	check "tensors are read" "$python" "$script" tensors "${folders[@]%/}"
	for m in "${folders[@]%/}"; do
		for type in f32 f16 bf16 q8_0; do
			check "$(basename "$m"), $type: every tensor: $(tail -n 1 "$(basename "$m")/tensors")" grep -q "^$type [1-9]" "$(basename "$m")/tensors"
		done
	done
else reads_tensors=0; skip "tensors by the gguf package: $python has no gguf, safetensors or torch"; fi

# towers from the exported tensors alone, and positions that are stretched
if [ $reads_tensors = 1 ]; then
	graph=${script%.py}_graph.py
	for name in qwen2_vl qwen3_vl; do
		m=$RIL_ROOT/tests/golden/models/$name
		size=$("$python" "$script" picture "$m" picture.png)
		echo '{"id": "a", "image": "picture.png", "question": "what?"}' >picture.jsonl
		ril-encode -q -m "$m" --device cpu --compute f32 picture.jsonl | ril-inspect --json --field vision.embeds | jq -r '.value[] | map(tostring) | join(" ")' >ours
		# shellcheck disable=SC2086
		said=$("$python" "$graph" tower "$name/v-f32.gguf" $size ours 2>err | tail -n 1)
		check "$name: its tower as llama.cpp has it: $said $(tail -n 1 err)" grep -q 'off by' <<<"$said"
		check "$name: near enough" bash -c '! grep -q Error err'
	done
	forms=0
	while read -r line; do
		form=$(jq -r '.config | (.rope_parameters // .rope_scaling // {}) | if .truncate == false then "exact" else .rope_type // .type // "plain" end' <<<"$line")
		jq -c '.config + {model_type: "qwen3", architectures: ["Qwen3ForCausalLM"], num_hidden_layers: 1, num_key_value_heads: 2,
			intermediate_size: 16, vocab_size: 512, rms_norm_eps: 1e-6, tie_word_embeddings: true, torch_dtype: "float32"}' <<<"$line" >rope.json
		rm -rf rope rope.gguf
		expect_exit 0 ril-init -q --config rope.json --tokenizer "$RIL_ROOT/share/models/student" -o rope
		case $form in
		llama3 | exact) expect_exit 1 ril-export -q -m rope -o rope.gguf; continue ;;
		esac
		expect_exit 0 ril-export -q -m rope -o rope.gguf
		"$python" "$graph" rope rope.gguf "$line" >said 2>err
		check "positions, $form: $(cat said) $(tail -n 1 err)" bash -c 'grep -q "angles off by" said && ! grep -q Error err'
		forms=$((forms + 1))
	done <"$RIL_ROOT/tests/golden/rope.jsonl"
	check "forms of positions: $forms" test "$forms" -ge 14
fi

# windows of a size that llama.cpp does not have
if [ -d qwen2_5_vl-a ]; then
	expect_exit 1 ril-export -q -m "$RIL_SHARED/data/models/qwen2_5_vl-a" --mmproj x.gguf
	check "it says so: $(cat err)" grep -q 'windows of 56 pixels' err
fi

# the same picture, as both show it to the language model
if "$python" -c 'import llama_cpp.mtmd_cpp' 2>/dev/null; then
	for m in "${folders[@]}"; do
		m=${m%/} name=$(basename "$m")
		[ -e "$name/v-f32.gguf" ] || continue
		size=$("$python" "$script" picture "$m" picture.png)
		echo '{"id": "a", "image": "picture.png", "question": "what?"}' >picture.jsonl
		ril-encode -q -m "$m" --device cpu --compute f32 picture.jsonl | ril-inspect --json --field vision.embeds | jq -r '.value[] | map(tostring) | join(" ")' >ours
		# shellcheck disable=SC2086
		said=$("$python" "$script" embeddings "$name/f32.gguf" "$name/v-f32.gguf" $size ours 2>err | tail -n 1)
		check "$name: a picture's embeddings: $said $(tail -n 1 err)" grep -q 'off by' <<<"$said"
		check "$name: near enough" bash -c '! grep -q AssertionError err'
	done
else skip "a picture by llama.cpp: $python has no llama_cpp.mtmd_cpp"; fi

# the same tokens, from the same prompts
if "$python" -c 'import llama_cpp, gguf' 2>/dev/null; then
	ril-scenes -q -o data -n 4 --seed 9
	jq -c 'del(.image)' data/scene.jsonl >text.jsonl
	for m in "${folders[@]}"; do
		m=${m%/} name=$(basename "$m")
		ril-encode -q -m "$m" text.jsonl | ril-rollout -q -m "$m" --device cpu --compute f32 -n 1 --greedy --max-new-tokens 12 -o "$name.ril"
		ril-inspect --json --field prompt.ids "$name.ril" | jq -r '.value | join(" ")' >prompts
		ril-inspect --json --field resp.ids "$name.ril" | jq -r '.value | join(" ")' >ours
		awk '{ print NF }' ours >lengths
		check "$name: llama.cpp reads it" "$python" "$script" greedy "$name/f32.gguf" prompts lengths >theirs 2>err
		check "$name: the likeliest tokens: $(diff ours theirs) $(tail -n 1 err)" cmp -s ours theirs
		check "$name: of all prompts" test "$(wc -l <ours)" = 4
	done
else skip "tokens by llama.cpp: $python has no llama_cpp"; fi
test_end
