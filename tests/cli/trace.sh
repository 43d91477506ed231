# trace.sh -- ril-trace: its table against spans by hand, which step it takes, a file without an end, the picture, and what it refuses.
. "${RIL_ROOT:-.}/tests/ril_test.sh"
set -u
cd "$T" || exit 1
PATH="$RIL_ROOT/scripts:$PATH"
if ! command -v python3 >/dev/null; then skip_all "no python3"; fi
says() { check "says '$1': $(tail -n 1 "$T/err")" grep -qF -- "$1" "$T/err"; }
# spans RANK STEP: forward 0..10 ms, backward 10..30 in two layers, sums 15..20 and 28..34, waited for until 34, a step 35..40 with 2 of gathering, 3 of weights that passes read
spans() {
	jq -n --argjson rank "$1" --argjson step "$2" --argjson t0 "$((1000000 * $2))" 'def span($c; $a; $b): {name: $c, cat: $c, ph: "X", pid: $rank, tid: 0, ts: ($t0 + 1000 * $a),
		dur: (1000 * ($b - $a)), args: {$step}}; span("forward"; 0; 10), span("backward"; 10; 22), span("backward"; 22; 30), span("ready"; 14; 14), span("reduce"; 15; 20),
		span("ready"; 27; 27), span("reduce"; 28; 34), span("wait"; 30; 34), span("weights"; 1; 3), span("weights"; 12; 13), span("step"; 35; 40), span("gather"; 37; 39)'
}
trace() { # trace RANK STEP...
	local rank=$1 step
	shift
	{ jq -n --argjson rank "$rank" '{name: "process_name", ph: "M", pid: $rank, args: {name: "rank"}}'; for step; do spans "$rank" "$step"; done; } | jq -s .
}
trace 0 1 2 >a.json; trace 1 1 2 >b.json
expect_exit 0 ril-trace b.json a.json
check "by hand: $(cat out)" cmp out <(printf 'rank\tstep\tbuckets\tforward_s\tbackward_s\treduce_s\thidden_s\twait_s\tstep_s\tgather_s\tweights_s\n'
	for r in 0 1; do printf '%s\t2\t2\t0.010000\t0.020000\t0.011000\t0.007000\t0.004000\t0.005000\t0.002000\t0.003000\n' $r; done)
expect_exit 0 ril-trace --step 1 a.json -o table.tsv; check "another step" test "$(cut -f 2 table.tsv | tail -n 1)" = 1
# the second step is being written: its last event is cut
trace 0 1 2 | head -c -400 >cut.json
expect_exit 0 ril-trace cut.json b.json; check "the last step that all have whole" test "$(cut -f 2 out | tail -n 1)" = 1
if command -v gnuplot >/dev/null; then
	expect_exit 0 ril-trace a.json b.json --svg step.svg
	check "a picture of two ranks" bash -c 'grep -q "<svg" step.svg && grep -q "rank 1" step.svg && grep -q "milliseconds of step 2" step.svg'
	bars() { grep -ciE "fill *[:=] *[\"']?(rgb\( *217, *130, *43 *\)|#d9822b)" step.svg; }
	check "its bars: $(bars)" test "$(bars)" -ge 4
else
	skip "no gnuplot"
fi

# ---- what it refuses ----
expect_exit 2 ril-trace; expect_exit 2 ril-trace --svg step.gif a.json
expect_exit 1 ril-trace none.json; says none.json
echo '{"pid":' >bad.json; expect_exit 1 ril-trace bad.json; says 'bad.json: not a trace'
echo '[{"ph": "X", "ts": 1}]' >bad.json; expect_exit 1 ril-trace bad.json; says 'bad.json: not a trace of training steps'
jq -s add a.json b.json >both.json; expect_exit 1 ril-trace both.json; says 'both.json: of 2 processes, not of one'
expect_exit 1 ril-trace a.json a.json; says 'two are of one rank'
expect_exit 1 ril-trace --step 3 a.json; says 'step 3 is not whole'
trace 0 >none.json; expect_exit 1 ril-trace none.json; says 'no step that all have whole'
test_end
