#!/bin/bash
# The comparison with the reference implementation, in single and in double precision, failures only.
set -u
cd "$(dirname "$0")/../.."
data="${RIL_SHARED:-../shared}/data/models"
if [ ! -d "$data" ]; then
	echo "skipped: no reference data in $data" >&2
	echo "0 passed, 0 failed, 1 skipped"
	exit 0
fi
pass=0 fail=0 skip=0
for mode in release f64; do
	out=$("build/$mode/tests/fidelity/fidelity" -q "$data")
	set -- $(tail -n 1 <<<"$out")
	[ $# -eq 6 ] || set -- 0 passed 1 failed, 0 skipped
	sed '$d' <<<"$out"
	pass=$((pass + $1)) fail=$((fail + $3)) skip=$((skip + $5))
done
echo "$pass passed, $fail failed, $skip skipped"
[ "$fail" -eq 0 ]
