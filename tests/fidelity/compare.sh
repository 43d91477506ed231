# compare.sh -- ril-compare's figures beside scipy's, which $PYTHON (python3) must have: randomisation tests, McNemar's, Student's t, the
# bootstrap.
. "${RIL_ROOT:-$(cd "$(dirname "$0")/../.." && pwd)}/tests/ril_test.sh"
python=${PYTHON:-python3}
if ! "$python" -c 'import scipy.stats' 2>/dev/null; then
	skip "$python has no scipy"
	test_end
	exit
fi
expect_exit 0 "$python" -B "$RIL_ROOT/tests/fidelity/compare.py" "$T"
passed=$((passed + $(grep -c '^ok ' "$T/out")))
test_end
