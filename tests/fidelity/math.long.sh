# math.long.sh -- math.sh with as many pairs as the judge was held to when it was made.
RIL_TEST_PAIRS=6000 exec bash "${RIL_ROOT:-.}/tests/fidelity/math.sh"
