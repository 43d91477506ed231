# compare.sh -- ril-compare: its figures beside jq's from the same table, both forms of tables, every option, and what is refused.
. "${RIL_ROOT:-.}/tests/ril_test.sh"
cd "$T" || exit 1
# three settings; the last lacks a seed; a column that nobody reads; another measure for two of them
true_of() { jq -e "$@" >/dev/null; }
row() { printf '%s\t' "${@:1:4}"; printf '%s\n' "$5"; }
{
	row note setting seed measure value
	for s in 1 2 3 4 5; do row x plain $s accuracy 0.$((50 + s)); row x ours $s accuracy 0.$((52 + 2 * s % 7)); row "" ours $s length $((20 + s * s)); done
	for s in 2 3 5; do row x 'third one' $s accuracy 0.$((40 + s)); done
} >runs.tsv
cell() { jq -r --arg m "$1" --arg s "$2" ".settings[] | select(.measure == \$m and .setting == \$s).$3" out; } # of the JSON report
expect_exit 0 ril-compare --baseline plain --report json runs.tsv
check "rows in the order of their appearance" test "$(jq -r '[.settings[] | "\(.measure) \(.setting)"] | join(", ")' out)" = \
	"accuracy plain, accuracy ours, accuracy third one, length ours"
jq -Rn '[inputs | split("\t")] | .[1:] | map({setting: .[1], seed: .[2], measure: .[3], value: (.[4] | tonumber)})' runs.tsv >table.json
own() { true_of "$@" table.json; }
for s in plain ours 'third one'; do
	check "$s: mean and standard deviation" own --arg s "$s" --argjson mean "$(cell accuracy "$s" mean)" --argjson sd "$(cell accuracy "$s" sd)" \
		'map(select(.setting == $s and .measure == "accuracy").value) | (add / length) as $m | (map(pow(. - $m; 2)) | add / (length - 1) | sqrt) as $d
		| ($m - $mean | fabs) < 1e-9 and ($d - $sd | fabs) < 1e-9'
	check "$s: the mean is in its interval" true_of -n --argjson m "$(cell accuracy "$s" mean)" --argjson l "$(cell accuracy "$s" low)" --argjson h "$(cell accuracy "$s" high)" '$l < $m and $m < $h'
done
check "the difference is of the seeds that both have" own --argjson d "$(cell accuracy 'third one' difference)" 'map(select(.measure == "accuracy")) as $t
	| [$t[] | select(.setting == "third one") | .value - (.seed as $k | $t[] | select(.setting == "plain" and .seed == $k).value)] | (add / length - $d | fabs) < 1e-9'
check "how many" test "$(cell accuracy 'third one' pairs)" = 3
check "all three worse: 2 of 8 patterns" test "$(cell accuracy 'third one' p_seeds) $(cell accuracy 'third one' better) $(cell accuracy 'third one' worse)" = "0.25 0 3"
check "the baseline has no difference" test "$(cell accuracy plain difference)" = null
check "nor has what the baseline did not measure" test "$(cell length ours pairs) $(cell length ours difference)" = "0 null"
check "methods are named" true_of '(.methods | test("resamples of seeds and questions") and test("randomisation test")) and .baseline == "plain" and .resamples == 10000' out
cp out first; expect_exit 0 ril-compare --baseline plain --report json runs.tsv; check "the same again" cmp first out
expect_exit 0 ril-compare --baseline plain --report json --seed 1 runs.tsv; check "--seed: other resamples" bash -c '! cmp -s first out'
low=$(jq '.settings[0].low' first)
expect_exit 0 ril-compare --confidence 50 --report json runs.tsv; check "--confidence: narrower" true_of --argjson low "$low" '.settings[0].low > $low and .settings[0].high' out
expect_exit 0 ril-compare --resamples 0 --report json runs.tsv; check "--resamples 0: no intervals" true_of '.settings[0].low == null and .settings[0].mean' out
expect_exit 0 ril-compare --method t --baseline plain --report json runs.tsv
check "--method t: mean -+ 2.776 sd / sqrt 5" true_of '.settings[0] | (.high - .low) / 2 - 2.7764451 * .sd / (5 | sqrt) | fabs < 1e-7' out
check "names itself" true_of '.methods | test("Student") and test("paired t test")' out
expect_exit 0 ril-compare -b plain runs.tsv; check "a table, and how it was made" bash -c 'head -n 1 out | grep -q "^measure  *setting .* p_seeds" && grep -q "^differences: from plain" out'
expect_exit 0 ril-compare --report tsv runs.tsv; check "tab-separated" test "$(sed -n 2p out | cut -f 1-4)" = "$(printf 'settings\taccuracy\tplain\t5')"

# questions, in both forms: the same figures
printf 'setting\tseed\tmeasure\tverdicts\na\t1\tacc\t1100110010\nb\t1\tacc\t1111110011\na\t2\tacc\t1000110010\nb\t2\tacc\t1110110010\n' >verdicts.tsv
awk -F '\t' -v OFS='\t' 'NR == 1 { print "question", "setting", "seed", "measure", "value"; next }
	{ for (q = 10; q; q--) print "q" q, $1, $2, $3, substr($4, q, 1) }' verdicts.tsv >questions.tsv
expect_exit 0 ril-compare -b a --report json verdicts.tsv; cp out v.json
expect_exit 0 ril-compare -b a --report json <questions.tsv
check "means, tests and counts of both forms" test "$(jq -c '.settings | map(del(.low, .high, .d_low, .d_high))' out)" = "$(jq -c '.settings | map(del(.low, .high, .d_low, .d_high))' v.json)"
check "ten questions, four of them better, none worse" test "$(jq -r '.settings[1] | "\(.questions) \(.better) \(.worse)"' out)" = "10 4 0"
# sums of the two seeds' differences are 2, 2, 1, 1: all of one sign in 2 of 16 patterns
check "p over questions" test "$(jq '.settings[1].p_questions' out)" = 0.125
head -n 3 verdicts.tsv >one.tsv; expect_exit 0 ril-compare -b a --report json one.tsv
check "one pair of runs: McNemar, three against none" test "$(jq -c '.settings[1] | [.p_questions, .better, .worse]' out)" = '[0.25,3,0]'
check "and nothing over seeds" true_of '.settings[1] | .p_seeds == null and .sd == null and .d_low < .d_high' out
expect_exit 0 ril-compare --report json one.tsv <(sed -n '1p;4,5p' verdicts.tsv); check "several files are one table" test "$(jq -r '[.settings[].mean | tostring] | join(" ")' out)" = "$(jq -r '[.settings[].mean | tostring] | join(" ")' v.json)"

# refused
says() { check "$1: $(cat err)" grep -qF -- "$1" err; }
bad() { printf "$2" >bad.tsv; expect_exit "$1" ril-compare bad.tsv; says "$3"; }
H='setting\tseed\tmeasure\tvalue'
bad 1 '' 'bad.tsv: empty'; bad 1 "$H\n" 'no trials'
bad 3 'setting\tseed\tvalue\n' "line 1: no column 'measure'"; bad 3 'setting\tseed\tmeasure\n' "'value' or a column 'verdicts'"
bad 3 "$H\tvalue\n" "two columns 'value'"; bad 3 "$H\tverdicts\n" 'one of them'
bad 3 'setting\tseed\tmeasure\tverdicts\tquestion\n' "no column 'question'"
bad 3 "$H\na\t1\tm\n" 'line 2: 3 fields under 4 columns'; bad 3 "$H\na\t1\tm\t1\t2\n" '5 fields'
bad 3 "$H\na\t1\tm\t0.5x\n" "line 2: '0.5x' is not a number"; bad 3 "$H\na\t1\tm\t\n" "'' is not a number"; bad 4 "$H\na\t1\tm\tnan\n" 'line 2'
bad 3 "$H\na\t\tm\t1\n" 'an empty seed'; bad 3 "$H\na\t1\tm\t1\na\t1\tm\t2\n" "measure 'm', setting 'a', seed '1': twice"
bad 3 'setting\tseed\tmeasure\tverdicts\na\t1\tm\t012\n' 'verdict 3 is neither'; bad 3 'setting\tseed\tmeasure\tverdicts\na\t1\tm\t\n' 'no verdicts'
bad 3 'setting\tseed\tmeasure\tverdicts\na\t1\tm\t01\nb\t1\tm\t011\n' "setting 'a', seed '1', question '3': missing"
bad 3 "$H\na\t1\tm\t\\\\0\n" 'line 2'
printf 'a\0b\n' >bad.tsv; expect_exit 3 ril-compare bad.tsv; says 'line 1: a NUL'
expect_exit 3 ril-compare questions.tsv <(printf "$H\na\t3\tacc\t0.5\n"); says "'acc': values of questions and of whole runs"
expect_exit 2 ril-compare -b nobody runs.tsv; says "no setting 'nobody'"; says '--baseline'
expect_exit 1 ril-compare nowhere.tsv; expect_exit 2 ril-compare --method z runs.tsv
for n in $(seq 40); do
	RIL_FAIL_ALLOC=$n ril-compare -b a verdicts.tsv >out 2>err; rc=$?
	[ $rc = 0 ] || { [ $rc = 1 ] && [ -s err ]; } || break
done
check "memory that is not there is told: $n, exit $rc" test "$n" = 40
test_end
