# imitations.sh -- scripts/bench-imitation at its smallest: a line a run with all its figures, table and picture from the lines alone, a run
# that was cut off goes on, what is there stays.  The figures are nobody's business here.
. "${RIL_ROOT:-$(cd "$(dirname "$0")/../.." && pwd)}/tests/ril_test.sh"
if ! command -v gnuplot >/dev/null; then skip "pictures: no gnuplot"; test_end; exit; fi
bench() { "$RIL_ROOT/scripts/bench-imitation" --quick --seeds 2 --work "$T/work" --out "$T/b.tsv" --doc "$T/doc.md" --svg "$T/b.svg" "$@"; }
column() { awk -F '\t' -v row="$1" -v name="$2" 'NR == 1 { for (i = 1; i <= NF; i++) at[$i] = i; next } $1 == row { print $at[name] }' "$T/b.tsv"; }
printf 'before\n<!-- scripts/bench-imitation -->\nold\n<!-- scripts/bench-imitation ends -->\nafter\n' >"$T/doc.md"
some=(--variant dr-grpo --variant ril --variant r1-10 --variant distill-forward)
expect_exit 0 bench "${some[@]}"
check "a header and eight runs as wide as it" awk -F '\t' 'NR == 1 { n = NF } NF != n { exit 1 } END { exit NR != 9 }' "$T/b.tsv"
for v in dr-grpo ril r1-10 distill-forward; do
	check "$v: the verdicts make the accuracy" test "$(column $v verdicts | awk '{ printf "%.3g\n", gsub(1, "") / 20 }')" = "$(column $v accuracy | awk '{ printf "%.3g\n", $1 }')"
	check "$v: and the last point of the curve" test "$(column $v curve | sed 's/.*4://')" = "$(column $v accuracy)"
	check "$v: by kinds of question" test "$(column $v families | head -n 1 | tr ',' '\n' | wc -l)" -ge 4
	check "$v: in the table" grep -q "(\`$v\`) | 2 |" "$T/doc.md"
done
check "no discriminator, no figures of one" test -z "$(column dr-grpo disc_accuracy | tr -d '\n')"
check "R1 where it is looked at" test -z "$(column ril r1 | tr -d '\n')" -a -n "$(column r1-10 r1 | head -n 1)"
check "the discriminator of R1 is another" test "$(column ril margin)" != "$(column r1-10 margin)"
check "what stands around the marks stays" test "$(sed -n '1p;$p' "$T/doc.md")" = "$(printf 'before\nafter')"
check "the old table is gone" test "$(grep -c '^old' "$T/doc.md")" = 0
check "plain RIL is beyond nothing" test "$(grep '(`ril`)' "$T/doc.md" | cut -d '|' -f 5)" = "  "
check "a picture" grep -q '</svg>' "$T/b.svg"

# ---- what is there ----
cp "$T/b.tsv" "$T/before.tsv"; cp "$T/doc.md" "$T/before.md"
expect_exit 0 bench "${some[@]}"
check "is not run again" cmp -s "$T/b.tsv" "$T/before.tsv"
check "and makes the same table" cmp -s "$T/doc.md" "$T/before.md"
rm -r "$T/work"
expect_exit 0 bench --plot
check "which needs nothing but the lines" cmp -s "$T/doc.md" "$T/before.md"
sed -i '$d' "$T/b.tsv"
expect_exit 0 bench "${some[@]}"
check "a run repeats, but for its time" cmp -s <(cut -f 1-16 "$T/b.tsv") <(cut -f 1-16 "$T/before.tsv")
check "and the bench says which it is" grep -q 'run 1 of 1, distill-forward, seed 1' "$T/err"

# ---- one that was cut off: before its verdicts ----
sed -i '$d' "$T/b.tsv"; mkdir "$T/tools"
printf '#!/bin/sh\nexit 1\n' >"$T/tools/ril-inspect"; chmod +x "$T/tools/ril-inspect"
expect_exit 1 bench "${some[@]}" --tools "$T/tools"
check "which tool it was" grep -q 'ril-inspect ended with 1' "$T/err"
expect_exit 0 bench "${some[@]}"
check "it goes on from its checkpoint" grep -q 'distill-forward, seed 1: goes on after step-4' "$T/err"
check "to the same" cmp -s <(cut -f 1-16 "$T/b.tsv") <(cut -f 1-16 "$T/before.tsv")

# ---- mistakes ----
expect_exit 2 bench --variant nonsense
check "an unknown variant is named" grep -q "'nonsense' is none of" "$T/err"
expect_exit 1 bench --steps 3 --quick --questions 30 --out "$T/other.tsv" --plot
check "no runs" grep -q 'no runs' "$T/err"
sed 's/\t4\t4\t20\t/\t9\t4\t20\t/' "$T/before.tsv" >"$T/b.tsv"
expect_exit 1 bench
check "runs of other steps are not mixed" grep -q 'runs of 9 steps of 4 and 20 held-out questions, which are others' "$T/err"
expect_exit 2 bench --seeds 0
printf 'bare\n' >"$T/doc.md"
expect_exit 1 bench --plot
check "missing marks are named" grep -q 'bench-imitation -->' "$T/err"
expect_exit 0 "$RIL_ROOT/scripts/bench-imitation" --list
check "every variant" test "$(wc -l <"$T/out")" = "$(grep -c '^    "\?[a-zA-Z0-9.-]*"\?: \(Variant\|distilled\)(' "$RIL_ROOT/scripts/bench-imitation")"
test_end
