# speed.sh -- scripts/bench, bench-growth, bench-world and bench-scale at their smallest: rows have all their columns, the table stands between its marks,
# a peer whose results differ is not timed, one that answers gets its ratio, a row that is there is not measured again.  Times themselves
# are nobody's business here; the peer is a made-up one.
. "${RIL_ROOT:-$(cd "$(dirname "$0")/../.." && pwd)}/tests/ril_test.sh"
mode=${RIL_MODES%% *}
bench() { "$RIL_ROOT/scripts/bench" --work "$T/work" --quick "$@"; }
column() { awk -F '\t' -v row="$2" -v name="$3" 'NR == 1 { for (i = 1; i <= NF; i++) at[$i] = i; next } $1 == row { print $at[name] }' "$1"; }

# ---- ours alone ----
expect_exit 0 bench --no-peer --row train-1m-tower-b1 --row ril-0.2m --out "$T/b.tsv"
check "a header and rows as wide as it" awk -F '\t' 'NR == 1 { n = NF } NF != n { exit 1 } END { exit NR != 6 || n < 15 }' "$T/b.tsv"
for row in train-1m-tower-b1 ril-0.2m ril-0.2m/rollout ril-0.2m/discriminate ril-0.2m/update; do
	check "$row: a time" awk -v t="$(column "$T/b.tsv" "$row" ours_s)" 'BEGIN { exit !(t > 0) }'
	check "$row: no peer" test -z "$(column "$T/b.tsv" "$row" peer_s)$(column "$T/b.tsv" "$row" ratio)"
	check "$row: in the table" grep -q "^| $row |" "$T/out"
done
for name in ours_processors others load threads processor versions date; do
	check "$name is told" test -n "$(column "$T/b.tsv" train-1m-tower-b1 "$name")"
done
check "an iteration takes no less than its stages' slowest" awk -v a="$(column "$T/b.tsv" ril-0.2m ours_s)" \
	-v b="$(column "$T/b.tsv" ril-0.2m/update ours_s)" 'BEGIN { exit !(a > .9 * b) }'

# ---- the table in a document ----
printf 'before\n<!-- scripts/bench -->\nold\n<!-- scripts/bench ends -->\nafter\n' >"$T/doc.md"
expect_exit 0 bench --table "$T/b.tsv" --readme "$T/doc.md"
check "what stands around the marks stays" test "$(sed -n '1p;$p' "$T/doc.md")" = "$(printf 'before\nafter')"
check "the old table is gone" test "$(grep -c '^old' "$T/doc.md")" = 0
check "the new one is there" grep -q '^| ril-0.2m/update |' "$T/doc.md"
cp "$T/doc.md" "$T/again.md"
expect_exit 0 bench --table "$T/b.tsv" --readme "$T/again.md"
check "again: the same bytes" cmp -s "$T/doc.md" "$T/again.md"
echo "no marks" >"$T/bare.md"
expect_exit 1 bench --table "$T/b.tsv" --readme "$T/bare.md"
check "missing marks are named" grep -q 'scripts/bench -->' "$T/err"
check "the README has them" test "$(grep -c '^<!-- scripts/bench\( ends\)\? -->$' "$RIL_ROOT/README.md")" = 2

# ---- a made-up peer: a thousandth apart or equal; each step takes it 10 s ----
cat >"$T/python" <<'EOF'
#!/bin/sh
[ "$1" != -c ] || exit 0
echo "$*" >>"$PEER_LOG"
printf 'versions\ttorch 0\nsame\tloss\t%s\t0.0001\n' "$PEER_APART"
[ "$PEER_APART" = 0 ] || exit 5
printf 'setting\tmade up\t10\nready\tmade up\n'
while read -r seconds; do printf 'times\t1\t10\t10\t10\n'; done
EOF
chmod +x "$T/python"
export PYTHON="$T/python" PEER_LOG="$T/log"
PEER_APART=0.001 expect_exit 1 bench --row train-1m-frozen-b1 --out "$T/c.tsv"
check "results that differ: not timed" test -z "$(column "$T/c.tsv" train-1m-frozen-b1 peer_s)"
check "and said" grep -q 'its results are not ours' "$T/err"
rm -f "$T/c.tsv"
PEER_APART=0 expect_exit 0 bench --row train-1m-frozen-b1 --out "$T/c.tsv"
check "the ratio is the peer's time over ours" awk -v o="$(column "$T/c.tsv" train-1m-frozen-b1 ours_s)" -v r="$(column "$T/c.tsv" train-1m-frozen-b1 ratio)" \
	'BEGIN { x = 10 / o; exit !(r > .98 * x && r < 1.02 * x) }'
check "the peer is told ours' first step" grep -q -- '^[^ ]*scripts/peer/rows.py train .* --metrics ' "$T/log"
unset PYTHON

expect_exit 2 bench --row nonsense
check "an unknown row is named" grep -q "'nonsense'" "$T/err"
printf 'x\ty\n' >"$T/other.tsv"
expect_exit 1 bench --no-peer --row train-1m-frozen-b1 --out "$T/other.tsv"
check "another's table stays as it is" test "$(cat "$T/other.tsv")" = "$(printf 'x\ty')"
expect_exit 0 bench --list
check "every row of the table" test "$(wc -l <"$T/out")" = 23

# ---- growth ----
growth() { "$RIL_ROOT/scripts/bench-growth" --work "$T/work" --quick --out "$T/g.tsv" --svg "$T/g.svg" "$@"; }
expect_exit 0 growth --axis prompt --axis responses
check "four rows, as wide as the header" awk -F '\t' 'NR == 1 { n = NF } NF != n { exit 1 } END { exit NR != 5 }' "$T/g.tsv"
check "times and memory" awk -F '\t' 'NR > 1 && !($9 > 0 && $10 > 0 && $11 > 1 && $12 > $14 && $13 > 0 && $14 > 0) { exit 1 }' "$T/g.tsv"
check "a longer prompt's cache is larger" awk -F '\t' '$1 == "prompt" { c[$2] = $13 } END { exit !(c[128] > c[64]) }' "$T/g.tsv"
check "exponents in words" grep -q '^time with prompt, tokens: sampling ^ ' "$T/out"
check "a picture" grep -q '</svg>' "$T/g.svg"
cp "$T/g.tsv" "$T/before.tsv"
expect_exit 0 growth --axis prompt --axis responses --axis threads
check "rows that are there stay" cmp -s "$T/before.tsv" <(head -n 5 "$T/g.tsv")
check "and are not measured again" test "$(wc -l <"$T/g.tsv")" = 6
check "how far it is" grep -q 'row 1 of 1, threads 1' "$T/err"
expect_exit 2 growth --sizes 7m
check "an unknown size is named" grep -q "'7m' is none of" "$T/err"

# ---- ranks ----
. "$RIL_ROOT/tests/mpi.sh"
world() { "$RIL_ROOT/scripts/bench-world" --work "$T/work" --size 0.2m --groups 1 --steps 2 --runs 1 "$@"; }
launcher=$(mpis | head -n 1)
if [ -n "$launcher" ]; then
	expect_exit 0 world --ranks 2 --bucket 0,0.02 --mpirun "$(mpirun_of "$launcher") $(crowd "$launcher")"
	check "a row for threads, for each bucket, shared out, and alone: $(cat "$T/err")" test "$(cut -f 1-5 "$T/out" | tail -n +2 | tr '\t\n' ' ;')" = "1 2 0 1 2;2 1 0.0 1 2;2 1 0.02 1 2;2 1 0.02 2 2;2 1 0.02 3 2;1 1 0 1 1;"
	check "as wide as the header, and timed" awk -F '\t' 'NR == 1 { n = NF } NF != n { exit 1 } NR > 1 && !($6 > 0 && $9 > 0 && $11 > 1) { exit 1 }' "$T/out"
else
	skip "no MPI that the tools were built for"
fi
expect_exit 2 world --ranks 1
expect_exit 2 world --bucket x
expect_exit 1 world --mpirun no-such-launcher; check "no launcher" grep -q 'no-such-launcher is not here' "$T/err"

# ---- ranks on hosts ----
scale() { "$RIL_ROOT/scripts/bench-scale" --work "$T/work" --quick --out "$T/s.tsv" --svg "$T/s.svg" "$@"; }
if [ -n "$launcher" ] && command -v gnuplot >/dev/null; then
	expect_exit 0 scale --mpirun "$(mpirun_of "$launcher")"
	where="local"
	grep -q 'no network namespaces' "$T/err" || where="local netns lossy"
	check "a row for one rank and two, here and on hosts: $(cat "$T/err")" test "$(cut -f 1,2 "$T/s.tsv" | tail -n +2 | tr '\t\n' ' ;')" = "$(for w in $where; do printf '%s 1;%s 2;' "$w" "$w"; done)"
	check "as wide as the header, timed and foretold" awk -F '\t' 'NR == 1 { n = NF } NF != n { exit 1 } NR > 1 && !($6 > 0 && $7 > 0 && ($2 == 1) == ($9 == 0) && $10 >= 0) { exit 1 }' "$T/s.tsv"
	check "one rank is what the model was told of" awk -F '\t' '$1 == "local" && $2 == 1 { exit !($6 - $7 < .002 && $7 - $6 < .002) }' "$T/s.tsv"
	check "a picture" grep -q 'one machine, foretold' "$T/s.svg"
	rm "$T/s.svg"; expect_exit 0 scale --draw; check "drawn again" test -s "$T/s.svg"
	printf 'x\ty\n1\t2\n' >"$T/s.tsv"; expect_exit 1 scale --draw; check "not of another's table" grep -q 'not a table of bench-scale' "$T/err"
else
	skip "no MPI that the tools were built for, or no gnuplot"
fi
scale_all() { "$RIL_ROOT/scripts/bench-scale" "$@"; }
expect_exit 2 scale_all --ranks 2,4; expect_exit 2 scale_all --ranks 1,3; expect_exit 2 scale_all --svg x.gif
expect_exit 1 scale_all --mpirun no-such-launcher; check "no launcher" grep -q 'no-such-launcher is not here' "$T/err"
test_end
