# reproduce.long.sh -- every line of ril-reproduce's own tables does run, and has the figures that its kind has.
. "${RIL_ROOT:-$(cd "$(dirname "$0")/../.." && pwd)}/tests/ril_test.sh"
cd "$T" || exit 1
PATH=$RIL_ROOT/scripts:$PATH
small=(--steps 3 --batch 12 --questions 24 --samples 2 --seeds 1 --out all)
expect_exit 0 ril-reproduce -q "${small[@]}"
check "all of them" test "$(find all/runs -name '*.tsv' | wc -l)" = "$(ril-reproduce -q "${small[@]}" --count)"
names() { awk -F '\t' '/^#/ { next } !n++ { next } { print $1 }' "$RIL_ROOT/share/reproduce/$1.tsv"; }
for m in $(names methods); do check "$m is in the results" awk -F '\t' -v m="$m" '$2 == m && $4 == "accuracy" { n++ } END { exit !n }' all/results.tsv; done
for s in $(names settings); do check "$s has a section" grep -qx "## $s" all/page.md; done
figure() { awk -F '\t' -v m="$1" -v what="$2" '$1 == "demo" && $2 == m && $4 == what { print $5 }' all/results.tsv; }
for m in ril no-similarity blind replay ril-warm; do check "$m: its discriminator's accuracy" test -n "$(figure $m disc_accuracy)"; done
for m in grpo right opd warm-dr-grpo; do check "$m has none" test -z "$(figure $m disc_accuracy)"; done
for m in sft right own; do check "$m: no rewards" test -z "$(figure $m answer)"; done
check "no teachers' tokens without their answers" test "$(figure student-only teacher_tokens)$(figure dr-grpo teacher_tokens)" = ""
check "with them about half" awk -v x="$(figure ril teacher_tokens)" 'BEGIN { exit !(x > .4 && x < .65) }'
check "two of 8 and 4: fewer" awk -v x="$(figure group-8 teacher_tokens)" -v y="$(figure ril teacher_tokens)" 'BEGIN { exit !(x < y) }'
check "what is not trained is not" test "$(figure frozen disc_accuracy)" != "$(figure ril disc_accuracy)"
test_end
