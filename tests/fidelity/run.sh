#!/bin/bash
# The comparison with the reference implementation, in single and in double precision (or in RIL_MODES), failures only.
set -u
cd "$(dirname "$0")/../.."
data="${RIL_SHARED:-../shared}/data/models"
golden=tests/golden/models # a part of it, for a clone on its own, and families that it does not have
pass=0 fail=0 skip=0
for mode in ${RIL_MODES:-release f64}; do
	for folder in "$data" "$golden"; do
		[ -d "$folder" ] || continue
		out=$("build/$mode/tests/fidelity/fidelity" -q "$folder")
		set -- $(tail -n 1 <<<"$out")
		[ $# -eq 6 ] || set -- 0 passed 1 failed, 0 skipped
		sed '$d' <<<"$out"
		pass=$((pass + $1)) fail=$((fail + $3)) skip=$((skip + $5))
	done
done
echo "$pass passed, $fail failed, $skip skipped"
[ "$fail" -eq 0 ]
