# bench.sh -- scripts/bench-cuda at a small shape on the CPU: every part has its row, with its time and its floor; the numbers that
# a peer is held to are there; what cannot be is refused.  Times themselves are nobody's business here.
. "${RIL_ROOT:-$(cd "$(dirname "$0")/../.." && pwd)}/tests/ril_test.sh"
mode=${RIL_MODES%% *}
bench() {
	"$RIL_ROOT/scripts/bench-cuda" --device cpu --no-peer --tools "$RIL_ROOT/build/${mode:-release}/tests/bench" --work "$T/work" --out "$T/b.tsv" \
		--model "$RIL_ROOT/share/recipes/student.json" --batch groups=2,prompt=400,responses=2,length=16 --seconds 0.1 "$@"
}
for part in "student sampling" "student training" "student pipeline"; do
	expect_exit 0 bench --part "$part"
	check "$part: a table is printed" grep -q '^part *model *shape' "$T/out"
	check "$part: how far it is" grep -q 's left$' "$T/err"
done
columns=$(head -n 1 "$T/b.tsv" | tr '\t' '\n' | wc -l)
check "a header, once" test "$(grep -c '^part' "$T/b.tsv")" = 1
check "rows as wide as it" awk -F '\t' -v n="$columns" 'NF != n { exit 1 }' "$T/b.tsv"
while IFS= read -r part; do
	check "$part: a time, a floor and what it is of" awk -F '\t' -v part="$part" \
		'$1 == part && $2 == "student" && $5 > 0 && $6 > 0 && $7 ~ /^(FLOPs|bytes)$/ && $8 > 0 { ok = 1 } END { exit !ok }' "$T/b.tsv"
done <<'EOF'
product
copy
tower
prefill
decode 1
decode 64
decode 256
language head
reference pass
policy step
optimiser
discriminator step
RIL step: rollout
RIL step: discriminate
RIL step: update
RIL step
EOF
while read -r name count; do
	check "$count values of $name for a peer" awk -v name="$name" -v n="$count" '$1 == name && NF == n + 1 { ok = 1 } END { exit !ok }' \
		"$T/work/student.agree"
done <<'EOF'
batch 4
ids 432
logp 32
gradient 1
sampled 16
sampled_logp 16
score 2
score_gradient 1
tower 256
EOF
expect_exit 2 bench --part nonsense
check "an unknown part is named" grep -q "'nonsense' is none of them" "$T/err"
expect_exit 2 "$RIL_ROOT/scripts/bench-cuda" --model "$T/nowhere" --list
check "a model that is not there is named" grep -q "$T/nowhere" "$T/err"
expect_exit 0 "$RIL_ROOT/scripts/bench-cuda" --list
check "parts on a GPU: building, checks, three of each model" test "$(wc -l <"$T/out")" = 12
test_end
