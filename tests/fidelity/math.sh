# math.sh -- the judge `math` beside math-verify on pairs whose truth is known (tests/golden/math_pairs.py): the judge must be
# right on all of them, and where the two differ math-verify must be the one that is wrong.  Wants math_verify in $PYTHON (python3).
. "${RIL_ROOT:-$(cd "$(dirname "$0")/../.." && pwd)}/tests/ril_test.sh"
python=${PYTHON:-python3} script=$RIL_ROOT/tests/golden/math_pairs.py
if ! "$python" -c 'import math_verify' 2>/dev/null; then
	skip "math-verify: $python has no math_verify"
	test_end
	exit
fi
"$python" "$script" 2 6000 >"$T/pairs"
ril-score --judge math --table "$T/pairs" >"$T/verdicts"
check "right on all pairs, math-verify on most" "$python" "$script" --compare "$T/pairs" "$T/verdicts" >"$T/table"
cat "$T/table" >&2
check "they agree on four in five" awk '$1 == "all" { n = $2; agree = $3 } END { exit !(n == 6000 && agree >= .75 * n) }' "$T/table"
test_end
