# math.sh -- the judge `math` beside others: on answers of two models to MathVista, its released verdicts, which a model's extraction
# led to; on pairs whose truth is known (tests/golden/math_pairs.py), math-verify: the judge must be right on all of them, and
# where the two differ math-verify is the one that is wrong.  Wants math_verify in $PYTHON (python3) for the latter, and prints
# both tables.
. "${RIL_ROOT:-$(cd "$(dirname "$0")/../.." && pwd)}/tests/ril_test.sh"
python=${PYTHON:-python3} script=$RIL_ROOT/tests/golden/math_pairs.py pairs=${RIL_TEST_PAIRS:-1500} # math.long.sh: more
for model in bard gpt4; do
	released=$RIL_SHARED/data/score/mathvista/output_$model.json
	if [ ! -f "$released" ]; then skip "$released is not here"; continue; fi
	jq -c 'to_entries[] | .value | select(.question_type == "free_form" and (.answer_type == "integer" or .answer_type == "float") and (.response | type) == "string") |
		{type: "'"$model"'", response, answer, released: (if .true_false then 1 else 0 end)}' "$released" >"$T/$model"
	ril-score --judge math --table "$T/$model" | jq .score | paste -d ' ' <(jq .released "$T/$model") - >"$T/both"
	awk '{ n++; same += $1 == $2; paid += $2 > $1 } END { print "'"$model"'", n, "answers,", same, "as released,", paid, "paid that were not"; exit !(n > 450 && same >= .97 * n && paid <= .01 * n) }' "$T/both" >"$T/line"
	check "$model: as released" [ $? -eq 0 ]
	cat "$T/line" >&2
done
if ! "$python" -c 'import math_verify' 2>/dev/null; then
	skip_all "math-verify: $python has no math_verify"
fi
"$python" "$script" 2 "$pairs" >"$T/pairs"
ril-score --judge math --table "$T/pairs" >"$T/verdicts"
check "right on all pairs" "$python" "$script" --compare "$T/pairs" "$T/verdicts" >"$T/table"
cat "$T/table" >&2
check "math-verify agrees on three in four" awk -v pairs="$pairs" '$1 == "all" { n = $2; agree = $3 } END { exit !(n == pairs && agree >= .75 * n) }' "$T/table"
test_end
