# report_size.sh -- ril-report of long runs: a page of bounded size that opens at once and loses no spike; fewer recorded steps where
# pictures are large.
. "${RIL_ROOT:-.}/tests/ril_test.sh"
PATH="$RIL_ROOT/scripts:$PATH"
cd "$T" || exit 1
# eight runs of 2000 steps, every figure of which is noise; the divergence has one spike in each
for r in 0 1 2 3 4 5 6 7; do
	mkdir -p long/run-$r
	jq -n --arg n $r '{settings: {objective: "ril", $n, seed: "0"}}' >long/run-$r/run.json
	awk -v r=$r -v to="long/run-$r" 'BEGIN {
		srand(r + 1)
		who = "\"%s\":{\"responses\":120,\"truncated\":%d,\"answer\":%.9f,\"similarity\":%.9f,\"reward\":%.9f,\"entropy\":%.9f,\"length\":%.9f}"
		for (i = 1; i <= 2000; i++) {
			a = rand(); b = rand(); c = rand(); kl = i == 1000 + 7 * r ? 50 + r : b
			printf "{\"step\":%d,\"loss\":%.9f,\"kl\":%.9f,\"clip_fraction\":%.9f,\"grad_norm\":%.9f,\"groups\":30,\"zero_variance_groups\":%d," who "," who "}\n",
				i, a - .5, kl, c / 9, a + b, 30 * c, "student", 120 * a, a, b, a + b, c, 9 + a, "teacher", 120 * b, b, c, b + c, a, 8 + b >(to "/metrics.jsonl")
			printf "{\"step\":%d,\"before\":{\"student_accuracy\":%.9f,\"teacher_accuracy\":%.9f},\"saturation\":%.9f}\n", i, a, b, c >(to "/disc.jsonl")
		}
	}'
	jq -cn --argjson r $r 'range(0; 2001; 100) | . as $s | ([range(300) | if (. * 7919 + $s * 31 + $r * 13) % 2003 < 900 + $s / 4 then "1" else "0" end] | add) as $verdicts
		| {step: ., asked: "x", $verdicts, report: {accuracy: ($verdicts / "" | map(tonumber) | add / 300)}}' >long/run-$r/eval.jsonl
done
expect_exit 0 ril-report long; mv out long.html
size=$(wc -c <long.html)
check "eight runs of 2000 steps: $size bytes" test "$size" -lt 4000000
check "every panel is there" test "$(grep -o '<figure' long.html | wc -l)" = 14
sed 's/.*<h3>Divergence from the reference//; s/<\/figure>.*//' long.html >kl
check "no spike is lost: a mark for each run" test "$(grep -o '<path class="spike r[0-7]"' kl | sort -u | wc -l)" = 8
check "nor in the numbers" bash -c 'for r in 0 1 2 3 4 5 6 7; do grep -qF "<td>$((50 + r)) <span class=\"ci\">step $((1000 + 7 * r))</span>" kl || exit 1; done'
check "nor under the pointer" bash -c 'for r in 0 1 2 3 4 5 6 7; do grep -qF "[$((1000 + 7 * r)),$((50 + r)).0]" kl || exit 1; done'
check "thinning keeps every part's least and greatest, in their order" python3 - <<END
import random, sys
sys.dont_write_bytecode = True
sys.path.insert(0, "$RIL_ROOT/share")
from report.points import thin
random.seed(1)
for n in 1, 2, 99, 100, 101, 2000, 5003:
    points = [(x * 3, random.gauss(0, 1) ** 5) for x in range(n)]
    kept = thin(points, 50)
    assert len(kept) <= 100 and kept == sorted(kept) and set(kept) <= set(points), n
    width = (points[-1][0] - points[0][0]) / 50 or 1
    for part in range(50):
        inside = [p for p in points if min(49, int(p[0] / width)) == part]
        assert not inside or {min(inside, key=lambda p: p[1]), max(inside, key=lambda p: p[1])} <= set(kept), (n, part)
END

# recorded steps with pictures of a quarter of a megabyte each
ril-scenes -q -o data -n 48 --seed 3
check "a run that is recorded" ril-train -q --run recorded --student "$RIL_ROOT/share/models/student" --objective dr-grpo --data data/scene.jsonl --steps 8 --batch 6 -n 2 --max-new-tokens 8 --record
for f in data/pictures/*; do head -c 250000 /dev/zero >>"$f"; done # what follows a PNG's end is not looked at
expect_exit 0 ril-report recorded; mv out large.html
size=$(wc -c <large.html) steps=$(grep -o 'data-step="[0-9]*"' large.html | sort -u | wc -l)
check "$steps steps in $size bytes: $(cat err)" test "$size" -lt 5100000 -a "$size" -gt 3000000 -a "$steps" -gt 1 -a "$steps" -lt 8
check "told" grep -q "recorded: $steps of 8 steps, $((6 * steps)) of 48 groups are shown, for a page of 5 MB (--size)" err
check "the first and the last" grep -q 'data-step="1".*data-step="8"' large.html
expect_exit 0 ril-report --size 2.5 recorded; check "--size: one step: $(cat err)" test "$(wc -c <out)" -lt 2600000 -a "$(grep -o 'data-step="[0-9]*"' out)" = 'data-step="8"'
expect_exit 0 ril-report --size .1 recorded; check "one group at least" test "$(grep -o '<article' out | wc -l)" = 1
expect_exit 0 ril-report --size 50 recorded; check "all of them" test "$(grep -o '<article' out | wc -l)" = 48 -a ! -s err
for wrong in 0 -1 x nan; do expect_exit 2 ril-report --size $wrong recorded; done
cp -r recorded long/run-7/; mv long/run-7/recorded/record long/run-7/; rm -r long/run-7/recorded
expect_exit 0 ril-report --image-root data long; check "beside long curves less" test "$(wc -c <out)" -lt 5100000

if command -v chromedriver >/dev/null && command -v chromium >/dev/null; then
	expect_exit 0 python3 "$RIL_ROOT/tests/cli/report_size_browser.py" "$T/long.html" "$T/large.html"
	passed=$((passed + $(grep -c '^ok ' out)))
else skip "no browser (chromium-driver): the page was not opened"; fi
test_end
