# log.sh -- a run's metrics for other programs: ril-log of a finished run, ril-train --log while it goes on and after it was
# resumed, TensorBoard's own reader (in $PYTHON, where it is there).
. "${RIL_ROOT:-.}/tests/ril_test.sh"
PATH="$RIL_ROOT/scripts:$PATH"
cd "$T" || exit 1
ril-scenes -q -o data -n 24 --prefix q --seed 5
settings=(--student "$RIL_ROOT/share/models/student" --objective dr-grpo --data data/q.jsonl --batch 6 -n 2 --max-new-tokens 20 --save-every 2
	--eval data/q.jsonl --eval-every 2)
# every number of a run's metrics as "stage/name step value"
numbers() {
	local f
	for f in "$1"/*.jsonl; do
		jq -r --arg s "$(basename "$f" .jsonl | sed 's/^metrics$/update/')" '. as $m | (del(.time) | if .report then .report + {step} else . end) |
			. as $x | paths(type == "number") | select(all(.[]; type == "string") and . != ["step"]) |
			"\($s)/\(join("/")) \($m.step) \(. as $p | $x | getpath($p))"' "$f"
	done | LC_ALL=C sort
}
tables() { # the same out of the tables
	local f
	for f in "$1"/*.csv; do
		jq -Rrn --arg s "$(basename "$f" .csv | sed 's/^metrics$/update/')" '[inputs | rtrimstr("\r") | split(",")] | .[0] as $name | .[1:][] | . as $row |
			range(2; $name | length) | select($row[.] != "") | "\($s)/\($name[.] | gsub("\\."; "/")) \($row[0]) \($row[.] | tonumber)"' "$f"
	done | LC_ALL=C sort
}
expect_exit 0 timeout 60 ril-train -q --run run "${settings[@]}" --steps 4 --log both
check "tables beside the lines" test "$(ls run/*.csv | wc -l)" = "$(ls run/*.jsonl | wc -l)"
numbers run >want
check "there are many numbers: $(wc -l <want)" test "$(wc -l <want)" -gt 200
check "they are in the tables" cmp want <(tables run)
check "one event file" test "$(ls run/tensorboard | wc -l)" = 1
check "lines end as RFC 4180 says" test "$(grep -c $'\r$' run/metrics.csv)" = 5

# what was resumed has no step twice; what the first start wrote beyond its checkpoint is gone
cp -a run again; rm -r again/step-4; ln -sfn step-2 again/current
expect_exit 0 timeout 60 ril-train -q --resume again
numbers again >want-again
check "tables of a resumed run" cmp want-again <(tables again)
check "one event file, still" test "$(ls again/tensorboard | wc -l)" = 1
check "its steps" test "$(cut -d , -f 1 again/metrics.csv | tr -d '\r' | tr '\n' ' ')" = "step 1 2 3 4 "

# after the run, other files, faults
rm -r run/tensorboard run/*.csv
expect_exit 0 ril-log -v -f both run
check "lines are told" grep -q '^ril-log: [0-9]* lines' err
check "the same tables" cmp want <(tables run)
expect_exit 0 ril-log -o elsewhere run/metrics.jsonl
check "an event file elsewhere" test "$(ls elsewhere | wc -l)" = 1
mkdir none; expect_exit 1 ril-log none; check "nothing to log" grep -q 'none: no metrics in it' err
expect_exit 1 ril-log nowhere
expect_exit 2 ril-log
expect_exit 2 ril-log --format xml run
{ cat run/metrics.jsonl; echo '{"step": x}'; } >bad.jsonl
expect_exit 3 ril-log bad.jsonl; check "file and line: $(cat err)" grep -q 'bad.jsonl: line 5: ' err
{ cat run/metrics.jsonl; printf '{"step":5,"lo'; } >half.jsonl
expect_exit 0 ril-log half.jsonl; check "half a line: $(cat err)" grep -q 'half.jsonl: its last line has no end and was left out' err
expect_exit 2 ril-train --run x "${settings[@]}" --log xml

# while lines come
: >grow.jsonl
ril-log -q --follow -f csv grow.jsonl & pid=$!
for i in 1 2 3; do
	echo "{\"step\":$i,\"a\":$i}" >>grow.jsonl
	for _ in $(seq 50); do grep -qs "^$i,,$i" grow.csv && break; sleep .1; done
	check "line $i is there" grep -q "^$i,,$i" grow.csv
done
echo '{"step":4,"b":7}' >>grow.jsonl; kill -TERM $pid; wait $pid; rc=$?
check "ends well when it is told to: $rc" test $rc = 0
check "and has the last line, with a column more" test "$(tr -d '\r' <grow.csv | tr '\n' ' ')" = "step,time,a,b 1,,1, 2,,2, 3,,3, 4,,,7 "

python=${PYTHON:-python3}
if "$python" -c 'import tensorboard.backend.event_processing.event_accumulator' 2>/dev/null; then
	cat >scalars.py <<'END'
import sys
from tensorboard.backend.event_processing.event_accumulator import EventAccumulator
a = EventAccumulator(sys.argv[1], size_guidance={"scalars": 0})
a.Reload()
for tag in a.Tags()["scalars"]:
    for x in a.Scalars(tag):
        assert 1.5e9 < x.wall_time < 1e11, x
        print(tag, x.step, repr(x.value))
END
	narrow() { "$python" -c 'import struct, sys
for line in sorted(sys.stdin): tag, step, x = line.split(); print(tag, step, struct.unpack("f", struct.pack("f", float(x)))[0])'; }
	for r in run again; do
		"$python" scalars.py $r/tensorboard 2>err | narrow >got
		check "$r: TensorBoard reads the same numbers" cmp <(numbers $r | narrow) got
	done
else skip "TensorBoard's reader: $python has no tensorboard"; fi
test_end
