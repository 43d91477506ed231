# compare.sh -- ril-compare's figures beside scipy's, which $PYTHON (python3) must have: randomisation tests, McNemar's, Student's t, the
# bootstrap.
. "${RIL_ROOT:-$(cd "$(dirname "$0")/../.." && pwd)}/tests/ril_test.sh"
. "$RIL_ROOT/tests/reference_python.sh"
python_with "scipy's figures" scipy.stats
expect_exit 0 "$python" -B "$RIL_ROOT/tests/fidelity/compare.py" "$T"
passed=$((passed + $(grep -c '^ok ' "$T/out")))
test_end
