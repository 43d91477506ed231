# inspect.sh -- ril-inspect: tables, fields, verdicts, differences, exit codes.
. "${RIL_ROOT:-$(cd "$(dirname "$0")/../.." && pwd)}/tests/ril_test.sh"
S=$RIL_ROOT/share/examples/sample.ril
shows() { grep -qF -- "$1" "$T/out"; }

expect_exit 0 ril-inspect "$S"
check "lineage" shows "ril-score"
check "a quoted argument" shows "'similarity + answer'"
check "the table" shows "scene/3"
check "barriers" shows "step 2, checkpoint"
check "totals" shows "4 groups, 2 steps, 1 segment"
expect_exit 0 ril-inspect --head "$S"
check "--head leaves the groups out" test "$(grep -c scene "$T/out")" -eq 0
expect_exit 0 ril-inspect -n 1 "$S"
check "--limit" test "$(grep -c scene/ "$T/out")" -eq 1
expect_exit 0 ril-inspect --field reward --key scene/2 "$S"
check "a field's numbers" test "$(cat "$T/out")" = "1 1 2 1"
expect_exit 0 ril-inspect -f resp.text "$S"
check "a field of all groups" test "$(wc -l <"$T/out")" -eq 4
expect_exit 0 ril-inspect -f resp.logp -k scene/1 --json "$S"
check "NaN is null in JSON" test "$(jq -c '.value[-2:]' "$T/out")" = "[null,null]"
expect_exit 1 ril-inspect -f nonsense "$S"
expect_exit 1 ril-inspect -k nonsense "$S"
expect_exit 0 ril-inspect --json "$S"
check "a line of JSON a frame" test "$(jq -s 'map(.kind) | join(" ")' "$T/out")" = '"head group group step group group step"'
expect_exit 0 ril-inspect --stats "$S"
check "statistics" shows reward.similarity
expect_exit 0 ril-inspect --stats --json "$S"
check "statistics as JSON" test "$(jq -c '[.reward.mean, .reward.count, ."resp.logp".nonfinite]' "$T/out")" = "[1.25,16,71]"
expect_exit 0 ril-inspect --check "$S"

gzip <"$S" >"$T/s.gz"
expect_exit 0 ril-inspect --check "$T/s.gz"
cat "$S" "$T/s.gz" >"$T/two.ril"
expect_exit 0 ril-inspect --check "$T/two.ril"
check "two segments" shows "8 groups, 4 steps, 2 segments"
expect_exit 0 ril-inspect --diff "$S" "$T/s.gz"
check "no word of what is the same" test ! -s "$T/out"
expect_exit 1 ril-inspect --diff "$S" "$T/two.ril"
check "what is only in one" shows "only in the second"

head -c 3000 "$S" >"$T/cut.ril"
expect_exit 3 ril-inspect "$T/cut.ril"
check "what could be read is shown" shows scene/1
expect_exit 3 ril-inspect --check - <"$T/cut.ril"
{ head -c 1700 "$S"; printf 'X'; tail -c +1702 "$S"; } >"$T/flip.ril"
expect_exit 3 ril-inspect --check "$T/flip.ril"
expect_exit 3 ril-inspect --check /dev/null
printf 'hello, world' >"$T/text"
expect_exit 3 ril-inspect "$T/text"
expect_exit 1 ril-inspect "$T/nope"
expect_exit 2 ril-inspect --nonsense
expect_exit 2 ril-inspect "$S" "$S"
expect_exit 2 ril-inspect --diff "$S"
expect_exit 1 bash -c "ril-inspect '$S' >/dev/full"

# A frame is a safetensors image: the first group's, cut out of the stream, is a model to us.
n=$(od -An -t u8 -N 8 "$S"); at=$((8 + n + 4))
h=$(od -An -t u8 -j $at -N 8 "$S"); n=$(head -c $((at + 8 + h)) "$S" | tail -c "$h" | grep -o 'data_offsets":\[[0-9]*,[0-9]*' | sed 's/.*,//' | sort -n | tail -n 1)
head -c $((at + 8 + h + n)) "$S" | tail -c $((8 + h + n)) >"$T/a.safetensors"
expect_exit 0 ril-inspect "$T/a.safetensors"
check "names, types and shapes" grep -qE 'resp.ids +I32 +\[26\]' "$T/out"
expect_exit 0 ril-inspect --field reward "$T/a.safetensors"
check "one tensor" test "$(cat "$T/out")" = "0 2 1 2"
expect_exit 4 ril-inspect --check "$T/a.safetensors"
expect_exit 0 ril-inspect --diff "$T/a.safetensors" "$T/a.safetensors"
expect_exit 2 ril-inspect --diff "$T/a.safetensors" "$S"
if [ -d "$RIL_SHARED/data/models" ]; then
	M=$RIL_SHARED/data/models
	expect_exit 0 ril-inspect --check "$M/qwen2_5_vl-b"
	expect_exit 0 ril-inspect --json "$M/internvl3-b"
	check "totals of a sharded model" test "$(jq '.count == (.tensors | length)' "$T/out")" = true
	expect_exit 1 ril-inspect --diff "$M/qwen2_5_vl-b" "$M/internvl3-b"
else
	skip "models of the reference data"
fi
# no backend is started here, but a device that has no such name is still a slip
expect_exit 2 ril-inspect --device tpu "$RIL_ROOT/share/examples/sample.ril"
expect_exit 0 ril-inspect --device cuda:0 "$RIL_ROOT/share/examples/sample.ril"
test_end
