# malformed.sh -- damaged model folders, one of each kind: refused with status 3 (1 where a file is not there), and the
# message names the file and the tensor.
. "${RIL_ROOT:-$(cd "$(dirname "$0")/../.." && pwd)}/tests/ril_test.sh"
G=$RIL_ROOT/tests/golden/models/qwen2_5_vl-b
S=model-00002-of-00003.safetensors
I=model.safetensors.index.json
printf '{"id": "1", "question": "hello"}\n' >"$T/q.jsonl"
fresh() { rm -rf "$T/m"; cp -r "$G" "$T/m"; chmod -R u+w "$T/m"; }
# Changes text of a shard's header; the replacement must be as long, since offsets count from the header's end.
header() { LC_ALL=C sed -i "1s/$2/$3/" "$T/m/$1"; check "$1 has $2" bash -c "! cmp -s '$T/m/$1' '$G/$1'"; }
settings() { jq "$2" "$G/$1" >"$T/m/$1"; }
refused() { # refused STATUS WORD...
	local status=$1 word; shift
	expect_exit "$status" ril-encode -q -m "$T/m" "$T/q.jsonl" -o "$T/o.ril"
	for word; do check "the message has '$word': $(cat "$T/err")" grep -qF -- "$word" "$T/err"; done
	fresh
}
fresh
expect_exit 0 ril-encode -q -m "$T/m" "$T/q.jsonl" -o "$T/o.ril"
tensor=model.layers.0.mlp.up_proj.weight
shard=$(jq -r --arg t $tensor '.weight_map[$t]' "$G/$I")
dots=${tensor//./\\.}
find='"'$dots'":{"dtype":"BF16","shape":\[120,64\],"data_offsets":\['

# A tensor that is missing: everywhere, or only from its shard.
header "$shard" "$dots" "model.layers.0.mlp.up_proj.weighs"
settings $I '.weight_map |= with_entries(if .key == "'$tensor'" then .key = "model.layers.0.mlp.up_proj.weighs" else . end)'
refused 3 "$T/m" "'$tensor' is missing"
header "$shard" "$dots" "model.layers.0.mlp.up_proj.weighs"
refused 3 $I "$tensor" "$shard"
# Another shape, another type, of as many bytes.
header "$shard" "$find" '"'$tensor'":{"dtype":"BF16","shape":[64,120],"data_offsets":['
refused 3 "$T/m" "$tensor" "[64, 120]" "[120, 64]"
header "$shard" "$find" '"'$tensor'":{"dtype":"I16", "shape":[120,64],"data_offsets":['
refused 3 "$T/m" "$tensor" I16
# A type whose size does not fit the bytes.
header "$shard" "$find" '"'$tensor'":{"dtype":"F32", "shape":[120,64],"data_offsets":['
refused 3 "$shard" "$tensor"
# A shard cut off: in its data, in its header.
truncate -s 100000 "$T/m/$S"; refused 3 "$S"
truncate -s 50 "$T/m/$S"; refused 3 "$S"
truncate -s 0 "$T/m/$S"; refused 3 "$S"
# Offsets that overlap: the tensor's begin, moved two bytes back.
from=$(LC_ALL=C grep -aoE -m1 "\"$dots\":[^]]*\],\"data_offsets\":\[[0-9]+" "$G/$shard" | sed 's/.*\[//')
header "$shard" "$find$from" '"'$tensor'":{"dtype":"BF16","shape":[120,64],"data_offsets":['$((from - 2))
refused 3 "$shard" "$tensor"
# A header of 2^62 bytes, and one a little longer than the file.
printf '\0\0\0\0\0\0\0\100' | dd of="$T/m/$S" conv=notrunc status=none; refused 3 "$S" header
printf '\377\377\3\0\0\0\0\0' | dd of="$T/m/$S" conv=notrunc status=none; refused 3 "$S" header
# An index that names a file that is not there, one outside, itself, a link to itself, nothing.
rm "$T/m/$S"; refused 1 "$S" "No such file"
settings $I ".weight_map[\"$tensor\"] = \"../../secret.safetensors\""; refused 3 $I "$tensor"
settings $I ".weight_map[\"$tensor\"] = \"$I\""; refused 3 $I
rm "$T/m/$S"; ln -s $S "$T/m/$S"; refused 1 "$S"
settings $I 'del(.weight_map)'; refused 3 $I weight_map
settings $I "del(.weight_map[\"$tensor\"])"; refused 3 $I index
printf '{"weight_map": {' >"$T/m/$I"; refused 3 $I
# A configuration that lies about sizes.
settings config.json '.hidden_size = 128'; refused 3 config.json
settings config.json '.intermediate_size = 121'; refused 3 "$T/m" gate_proj.weight '[121, 64]'
settings config.json '.num_hidden_layers = 3'; refused 3 "$T/m" model.layers.2. missing
settings config.json '.num_hidden_layers = 1000000'; refused 3 config.json num_hidden_layers
settings config.json '.vocab_size = 100000'; refused 3 "$T/m" embed_tokens '[100000, 64]'
settings config.json '.vision_config.patch_size = 7'; refused 3 "$T/m" patch_embed '14, 14]'
settings config.json '.vision_config.depth = 4'; refused 3 "$T/m" visual.blocks.3. missing
settings config.json '.image_token_id = 100000'; refused 3 config.json vocabulary
# A tokenizer with a hole, with an id twice, with a merge of nothing known, of another size than the model.
token=$(jq -r '.model.vocab | to_entries | max_by(.value) | .key' "$G/tokenizer.json")
settings tokenizer.json '.model.vocab |= with_entries(if .value == 300 then .value = 100000 else . end)'
refused 3 tokenizer.json
settings tokenizer.json '.model.vocab |= with_entries(if .value == 300 then .value = 301 else . end)'
refused 3 tokenizer.json 301
settings tokenizer.json '.model.merges[0] = "zzzz qqqq"'; refused 3 tokenizer.json zzzz
settings tokenizer.json '.added_tokens[0].id = 100000'; refused 3 tokenizer_config.json 'two ids'
printf '{"model"' >"$T/m/tokenizer.json"; refused 3 tokenizer.json
rm "$T/m/tokenizer.json"; refused 1 tokenizer.json
test_end
